// The solver from the command line: the validation ladder, and data sets. Folders come from the host.
import { text } from "../../../base/params";
import { type Command, defineCommand } from "../../define";
import { params } from "../protocol";
import { generate } from "./data/generate";
import { climb } from "./ladder/ladder";

export const commands: Readonly<Record<string, Command>> = {
  generate: defineCommand({
    summary: "Makes a data set in a folder; the same call goes on with a set that was broken off",
    params: { ...params, out: text("", { help: "Folder of the set", pattern: /./ }) },
    files: [],
    async run({ params: { out, ...settings } }, host, context) {
      const { runs, ...card } = await generate(settings, await host.outputFolder(out), context);
      return { out, ...card, files: runs.length };
    },
  }),
  ladder: defineCommand({
    summary: "Solves problems with known answers and prints value, reference and error of each",
    params: { rungs: text("", { help: "Names of rungs, separated by commas; empty: all" }) },
    files: [],
    async run({ params: { rungs } }, _host, context) {
      const results = await climb(rungs === "" ? [] : rungs.split(","), context);
      return {
        misses: results.reduce((sum, { misses }) => sum + misses, 0),
        rungs: results.map(({ rows, ...rung }) => ({ ...rung, figures: rows.length })),
        figures: results.flatMap(({ id, rows }) => rows.map((row) => ({ rung: id, ...row }))),
      };
    },
  }),
};
