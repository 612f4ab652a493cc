/** Stores the help texts as they are now: `deno run -A tests/golden/write.ts`. Look at the difference before you commit. */
import { storeGoldenTexts } from "../support/cli_golden.ts";

await storeGoldenTexts();
