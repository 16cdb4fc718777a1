// Work goes on after losses as long as something is saved between them; other errors, and a cancel, end it.
import { expect, test } from "vitest";
import { TesseraError } from "../base/errors";
import type { Gpu } from "./gpu";
import { survive } from "./survive";

const LOST = new TesseraError("device-lost", "The GPU was lost.");

/** A device that is gone when `lose` is called. */
function device(): Gpu & { lose(): void } {
  let lose = (): void => {};
  const lost = new Promise<TesseraError>((resolve) => {
    lose = () => resolve(LOST);
  });
  return { lost, isLost: false, lose } as unknown as Gpu & { lose(): void };
}

/** Runs what each attempt does in turn; gives the outcome and how often a loss was told. */
async function run(
  attempts: readonly ((gpu: ReturnType<typeof device>) => Promise<string>)[],
  saves: number[],
) {
  let at = 0;
  let told = 0;
  const result = await survive({
    open: async () => device(),
    work: (gpu) => attempts[at++](gpu as ReturnType<typeof device>),
    saved: () => saves[at],
    onLoss: () => told++,
  }).catch((error: TesseraError) => `${error.code} ${error.fields.losses ?? ""}`.trim());
  return { result, told, tries: at };
}

const lose = async (): Promise<string> => {
  throw LOST;
};
const done = async (): Promise<string> => "done";

test("losses with something saved between them are survived, any number of them", async () => {
  const found = await run([lose, lose, lose, lose, lose, done], [0, 1, 2, 3, 4, 5, 6]);
  expect(found).toEqual({ result: "done", told: 5, tries: 6 });
});

test("three losses without progress are the end", async () => {
  expect(await run([lose, lose, lose, done], [0, 0, 0, 0])).toEqual({
    result: "device-lost 3",
    told: 2,
    tries: 3,
  });
  const found = await run([lose, lose, lose, lose, done], [5, 5, 6, 6, 6]);
  expect(found).toEqual({ result: "device-lost 3", told: 3, tries: 4 });
});

test("an error that comes before the loss it is due to counts as a loss; others and a cancel do not", async () => {
  const early = async (gpu: ReturnType<typeof device>): Promise<string> => {
    setTimeout(gpu.lose, 5);
    throw new TesseraError("readback", "The device gave no result back.");
  };
  expect(await run([early, done], [0, 0])).toEqual({ result: "done", told: 1, tries: 2 });
  const fails = (code: string) => async (): Promise<string> => {
    throw new TesseraError(code, "No.");
  };
  expect(await run([fails("diverged"), done], [0, 0])).toEqual({ result: "diverged", told: 0, tries: 1 });
  expect(await run([fails("cancelled"), done], [0, 0])).toEqual({ result: "cancelled", told: 0, tries: 1 });
});
