// The figures of one head in a row. It computes nothing.
import { formatPercent } from "../../../../ui/format";
import { Stat, StatRow } from "../../../../ui/Stat";
import type { HeadResult } from "../../protocol";
import { tierWords } from "../words";

export function HeadStats({ head }: { head: HeadResult }) {
  return (
    <StatRow>
      <Stat label={`Recall of head ${head.head}`} value={formatPercent(head.recall)} />
      <Stat label="Kept" value={formatPercent(head.kept)} />
      <Stat label="Skipped" value={formatPercent(head.skipped)} />
      <Stat
        label="Tier"
        value={tierWords(head.tier)}
        hint={`Sparsity asked of this head: ${formatPercent(head.sparsity)}.`}
      />
      <Stat label="Output error" value={head.outputError} hint="Relative to the norm of the dense output." />
      <Stat
        label="Mass off by"
        value={head.massError}
        hint="Largest difference between the masses of a row of blocks and its number of tokens."
      />
    </StatRow>
  );
}
