// The same session from the command line. Files and the GPU come from the host.
import { type Command, defineCommand } from "../../define";
import { params } from "../protocol";
import { exampleValues, histogram, readValues } from "./session";

export const commands: Readonly<Record<string, Command>> = {
  histogram: defineCommand({
    summary: "Counts the values of a raw little-endian f32 file, or of a generated example, on the GPU",
    params,
    files: ["[FILE]"],
    async run({ params: { bins }, files }, host, context) {
      const values = files.length ? await readValues(await host.open(files[0])) : exampleValues();
      return histogram(await host.gpu(), values, bins, context);
    },
  }),
};
