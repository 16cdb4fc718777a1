// What skipping costs: output error of each head against the mass it lost, with the bound that it stays under.
import { useMemo } from "react";
import { formatPercent } from "../../../../ui/format";
import { LineChart } from "../../../../ui/LineChart";
import { Panel as Card } from "../../../../ui/Panel";
import { Stat, StatRow } from "../../../../ui/Stat";
import { errorDots } from "../series";
import { summarise } from "../state";
import { MissingHeads, originNote, type ViewProps } from "./shared";
import classes from "./Views.module.css";

export function ErrorView({ lab, state }: ViewProps) {
  const { heads } = state;
  const { relative, largest } = useMemo(() => errorDots(heads), [heads]);
  const means = summarise(heads);
  if (!means)
    return (
      <Card title="Output error" note={originNote(state)}>
        <MissingHeads lab={lab} state={state} />
      </Card>
    );
  const top = (of: (h: (typeof heads)[number]) => number | null): number | null => {
    const known = heads.map(of).filter((v) => v !== null);
    return known.length > 0 ? Math.max(...known) : null;
  };
  const names = (x: number): string =>
    heads
      .filter((h) => 1 - h.recall === x)
      .map((h) => `${h.triple}, head ${h.head}`)
      .join("; ");
  const use = top((h) => h.boundUse);
  return (
    <>
      <Card title="Output error" note={originNote(state)}>
        <p className={classes.text}>
          Dropping blocks and renormalising changes the output of a row by exactly (1 − r)(o kept − o
          dropped), where r is the row’s recall and both o are means of values. No element can change by more
          than 2(1 − r)·max|v|: recall bounds the error.
        </p>
        <StatRow>
          <Stat label="Mass lost, mean" value={formatPercent(1 - means.recall)} />
          <Stat label="Relative error, mean" value={means.outputError} />
          <Stat label="Relative error, largest" value={top((h) => h.outputError)} />
          <Stat label="Largest difference" value={top((h) => h.maxError)} />
          <Stat
            label="Largest use of the bound"
            value={use === null ? null : formatPercent(use)}
            hint="Error over bound, row by row; at most 100 % up to rounding."
            tone={use !== null && use > 1.001 ? "bad" : "plain"}
          />
        </StatRow>
      </Card>
      <Card title="Relative error against lost mass" note={originNote(state)} help="One dot a head.">
        <LineChart
          title="Relative error against lost mass"
          xLabel="mass lost (1 − recall)"
          yLabel="relative error"
          series={relative}
          formatX={formatPercent}
          nameX={names}
          height={300}
          empty="The rule gives no sparse output, so there is no error to show."
        />
      </Card>
      <Card
        title="Largest difference and its bound"
        note={originNote(state)}
        help="One pair of dots a head. The bound is that of the row with the lowest recall, so it lies above what the head’s mean recall would give."
      >
        <LineChart
          title="Largest difference and its bound"
          xLabel="mass lost (1 − recall)"
          yLabel="difference of an output element"
          series={largest}
          formatX={formatPercent}
          nameX={names}
          height={300}
          empty="The rule gives no sparse output, so there is no error to show."
        />
      </Card>
    </>
  );
}
