/**
 * Runs all tests, suite by suite, and ends in one line `N passed, N failed`. Arguments choose suites or files:
 * `deno task test wire`, `deno task test tests/unit/json`.
 */

/** Suites in the order in which a failure tells most. */
const SUITES = ["unit", "wire", "conformance", "e2e", "fault", "ui"];
/** Checks for leaked operations and resources; Deno 2.9 made them optional, before they were always on. */
const [major = 0, minor = 0] = Deno.version.deno.split(".").map(Number);
const SANITIZERS = major > 2 || minor >= 9 ? ["--sanitize-ops", "--sanitize-resources"] : [];
const SUMMARY = /(\d+) passed(?: \([^)]*\))? \| (\d+) failed/;

let passed = 0;
let failed = 0;
for (const target of await targets()) {
  const result = await runSuite(target);
  passed += result.passed;
  failed += result.failed;
}
console.log(`${passed} passed, ${failed} failed`);
if (failed > 0 || passed === 0) Deno.exit(1);

async function targets(): Promise<string[]> {
  if (Deno.args.length > 0) return Deno.args.map((name) => SUITES.includes(name) ? `tests/${name}` : name);
  const folders = SUITES.map((name) => `tests/${name}`);
  const present = await Promise.all(folders.map(hasTests));
  return folders.filter((_, index) => present[index]);
}

async function hasTests(folder: string): Promise<boolean> {
  try {
    for await (const entry of Deno.readDir(folder)) {
      if (entry.isDirectory ? await hasTests(`${folder}/${entry.name}`) : /\.test\.tsx?$/.test(entry.name)) {
        return true;
      }
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return false;
}

/** Runs one suite in a process of its own, shows what it prints, and reads its closing line. */
async function runSuite(target: string): Promise<{ passed: number; failed: number }> {
  console.log(`── ${target}`);
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
      target,
    ],
    env: { NO_COLOR: "1" },
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
  console.log(`   ${target}: ${Math.round((performance.now() - startedAt) / 1000)} s`);
  // A suite that dies before its closing line, or fails outside a test, has failed all the same.
  return success ? counted : { passed: counted.passed, failed: Math.max(1, counted.failed) };
}
