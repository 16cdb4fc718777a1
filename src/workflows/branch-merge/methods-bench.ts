// Times every merge method, the tensor in memory: node src/cli/run.mjs src/workflows/branch-merge/methods-bench.ts [words
// of a title ...]. Prints the best of several turns, in processor time (other work on the machine counts less then), and
// millions of elements of the merged tensor a second. It checks nothing.
import { findMethod } from "./engine/methods/index";
import { bell } from "./golden-models";
import { SAMPLES } from "./methods-samples";
import { sketchJob } from "./methods-testing";

const SHAPE = [1024, 4096];
const COUNT = SHAPE[0] * SHAPE[1];
const CHUNK = 1 << 20;
const TURNS = 7;

const base = Float32Array.from(bell(COUNT, 1), (x) => x * 0.05);
const models = [base];
for (let k = 0; k < 4; k++) {
  const steps = bell(COUNT, 100 + k);
  models.push(base.map((x, i) => x + steps[i] * 0.002));
}

for (const sample of SAMPLES.filter(
  ({ title }) => process.argv.length < 3 || process.argv.slice(2).some((word) => title.includes(word)),
))
  for (const mode of ["exact", "mergekit"] as const) {
    const job = sketchJob({ ...sample, models: models.slice(0, sample.models.length), shape: SHAPE, mode });
    // Chunks are handed out as they lie in memory: what is timed is the method.
    job.chunks = async function* () {
      for (let at = 0; at < COUNT; at += CHUNK)
        yield {
          at,
          models: models.slice(0, sample.models.length).map((model) => model.subarray(at, at + CHUNK)),
        };
    };
    const times: number[] = [];
    for (let turn = 0; turn < TURNS; turn++) {
      const start = process.cpuUsage();
      for await (const part of findMethod(sample.method).merge(job)) if (part.length === 0) throw new Error();
      const { user, system } = process.cpuUsage(start);
      times.push((user + system) / 1000);
    }
    const ms = Math.min(...times);
    const rate = (COUNT / ms / 1000).toFixed(0).padStart(5);
    process.stdout.write(
      `${sample.title.padEnd(40)} ${mode.padEnd(9)} ${ms.toFixed(0).padStart(6)} ms ${rate} M/s\n`,
    );
  }
