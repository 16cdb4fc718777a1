// The validation ladder, rung by rung.
import { expect, test } from "vitest";
import { plainContext } from "../../base/task";
import { climb, LADDER } from "./engine/ladder/ladder";
import { holds, row } from "./engine/ladder/rung";

test.each(LADDER.map((rung) => [rung.id, rung] as const))("%s", (_, rung) => {
  const rows = rung.run();
  expect(rows.some(({ limit }) => limit !== null)).toBe(true);
  expect(rows.filter((one) => !holds(one))).toEqual([]);
});

test("a figure that is off, or no number, does not hold", () => {
  expect(holds(row("", 1.02, 1, 0.01))).toBe(false);
  expect(holds(row("", Number.NaN, 1, 0.01))).toBe(false);
  expect(holds(row("", 0.5, 0, 0.6))).toBe(true);
});

test("rungs are chosen by name", async () => {
  const [only, ...rest] = await climb(["patch"], plainContext());
  expect(only).toMatchObject({ id: "patch", misses: 0 });
  expect(rest).toEqual([]);
  await expect(climb(["hertz", "cock"], plainContext())).rejects.toThrow("There is no rung cock");
});
