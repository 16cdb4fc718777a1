// The command `npm run setup`: runs the set-up and ends the process. It holds no logic of its own.
import { setUp } from "./setup";

try {
  setUp((line) => process.stdout.write(`setup: ${line}\n`));
  process.exit(0);
} catch (error) {
  process.stderr.write(`setup: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
