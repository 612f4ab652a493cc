/** Builds the binary that the tests run, on the base that `denort.ts` finds. */
import { DENO_OF_BASE, denortPath } from "./denort.ts";

/**
 * Compiles the checkout.
 * @param root URL of the checkout, with a slash at its end
 * @param output folder for the binary and what lies beside it, from the root
 * @param more further arguments of `scripts/compile.ts`
 * @returns absolute path of the binary
 * @throws {Error} when this machine cannot build one
 */
export async function buildTestBinary(
  root: URL,
  output = "dist/test",
  more: readonly string[] = [],
): Promise<string> {
  const { success } = await new Deno.Command("npx", {
    args: [
      "-y",
      `deno@${DENO_OF_BASE}`,
      "run",
      "-A",
      "--quiet",
      "scripts/compile.ts",
      `--output=${output}`,
      ...more,
    ],
    cwd: root,
    env: {
      DENORT_BIN: await denortPath(),
      // This version of the CLI overflows its stack otherwise.
      RUST_MIN_STACK: "67108864",
      // `deno bundle` fetches esbuild, on some machines through a CA of their own.
      DENO_TLS_CA_STORE: "system",
    },
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  if (!success) throw new Error("the binary for the tests could not be built");
  return new URL(`${output}/tunnel-client`, root).pathname;
}
