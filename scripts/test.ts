/**
 * Runs all tests, suite by suite, and ends in one line `N passed, N failed`. Arguments choose suites or files:
 * `deno task test wire`, `deno task test tests/unit/json`.
 */
import { buildTestBinary } from "./compile/test_binary.ts";

/** Suites in the order in which a failure tells most. */
const SUITES = ["unit", "wire", "conformance", "e2e", "fault", "ui", "binary"];
/** Suites of small tests that share nothing; the others start whole programs and would disturb each other. */
const PARALLEL: ReadonlySet<string> = new Set(["tests/unit", "tests/wire"]);
/** Checks for leaked operations and resources; Deno 2.9 made them optional, before they were always on. */
const [major = 0, minor = 0] = Deno.version.deno.split(".").map(Number);
const SANITIZERS = major > 2 || minor >= 9 ? ["--sanitize-ops", "--sanitize-resources"] : [];
const SUMMARY = /(\d+) passed(?: \([^)]*\))? \| (\d+) failed/;

let passed = 0;
let failed = 0;
for (const { paths, binary } of await targets()) {
  const result = await runSuite(paths, binary);
  passed += result.passed;
  failed += result.failed;
}
console.log(`${passed} passed, ${failed} failed`);
if (failed > 0 || passed === 0) Deno.exit(1);

/** What one process of `deno test` runs. */
interface Target {
  readonly paths: readonly string[];
  /** True when `tunnel-client` is the compiled binary there, not the sources. */
  readonly binary: boolean;
}

function targets(): Target[] {
  const names = Deno.args.length > 0 ? Deno.args : SUITES;
  return names.map((name) =>
    // Everything that an operator meets, once more as the binary.
    name === "binary"
      ? { paths: ["tests/binary", "tests/e2e"], binary: true }
      : { paths: [SUITES.includes(name) ? `tests/${name}` : name], binary: false }
  );
}

/** Path of the binary; nothing where this machine cannot build one and need not. */
async function binaryPath(): Promise<string | undefined> {
  try {
    return await buildTestBinary(new URL("../", import.meta.url));
  } catch (error) {
    if (!(error instanceof Error) || Deno.env.get("REQUIRE_ALL") === "1") throw error;
    console.log(`   skipped: ${error.message}`);
    return undefined;
  }
}

/** Runs one suite in a process of its own, shows what it prints, and reads its closing line. */
async function runSuite(
  paths: readonly string[],
  binary: boolean,
): Promise<{ passed: number; failed: number }> {
  const name = `${paths.join(" ")}${binary ? " (compiled binary)" : ""}`;
  console.log(`── ${name}`);
  const path = binary ? await binaryPath() : undefined;
  if (binary && path === undefined) return { passed: 0, failed: 0 };
  const startedAt = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "test",
      "--allow-all",
      "--frozen",
      "--no-check",
      "--quiet",
      "--reporter=dot",
      ...SANITIZERS,
      ...(paths.every((path) => PARALLEL.has(path)) ? ["--parallel"] : []),
      ...paths,
    ],
    env: { NO_COLOR: "1", ...(path === undefined ? {} : { TUNNEL_CLIENT_BINARY: path }) },
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let tail = "";
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  for await (const bytes of child.stdout) {
    const text = decoder.decode(bytes, { stream: true });
    tail = (tail + text).slice(-4096);
    // Not on a terminal, the dots come one a line.
    await Deno.stdout.write(encoder.encode(text.replace(/^([.,!])\n/gm, "$1")));
  }
  const { success } = await child.status;
  const summary = SUMMARY.exec(tail);
  const counted = { passed: Number(summary?.[1] ?? 0), failed: Number(summary?.[2] ?? 0) };
  console.log(`   ${name}: ${Math.round((performance.now() - startedAt) / 1000)} s`);
  // A suite that dies before its closing line, or fails outside a test, has failed all the same.
  return success ? counted : { passed: counted.passed, failed: Math.max(1, counted.failed) };
}
