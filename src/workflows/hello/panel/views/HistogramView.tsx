// The counts as a curve, with the times of both sides above it.
import { LineChart } from "../../../../ui/LineChart";
import { Panel as Card } from "../../../../ui/Panel";
import { Stat, StatRow } from "../../../../ui/Stat";
import type { Histogram } from "../../protocol";

export function HistogramView({ result }: { result: Histogram | undefined }) {
  const counts = result?.counts ?? new Uint32Array();
  const width = result ? (result.high - result.low) / counts.length : 0;
  const centres = Float64Array.from(counts, (_, bin) => (result?.low ?? 0) + (bin + 0.5) * width);
  return (
    <Card
      title="Histogram"
      help="How many values fall into each of the equal bins between the smallest and the largest."
    >
      <StatRow>
        <Stat label="GPU, with upload and readback" value={result?.timings.gpuMs ?? null} unit="ms" />
        <Stat label="CPU" value={result?.timings.cpuMs ?? null} unit="ms" />
        <Stat
          label="Bins that differ"
          value={result?.differingBins ?? null}
          hint="A value within rounding of an edge may change bins"
        />
      </StatRow>
      <LineChart
        title="Histogram"
        xLabel="value"
        yLabel="count"
        series={result ? [{ name: "values", x: centres, y: counts }] : []}
        empty="Press Run to count the values."
      />
    </Card>
  );
}
