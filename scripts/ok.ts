/** The whole gate, one step after the other, cheapest first; stops at the first step that fails. */

interface Step {
  readonly name: string;
  readonly args: readonly string[];
}

const TESTS = "tests";
const STEPS: readonly Step[] = [
  { name: "format", args: ["fmt", "--check", "--quiet"] },
  { name: "lint", args: ["lint", "--quiet", "main.ts", "src", "scripts", "samples"] },
  {
    name: "lint tests",
    args: ["lint", "--quiet", "--rules-exclude=no-non-null-assertion,no-sync-fn-in-async-fn", TESTS],
  },
  { name: "types", args: ["check", "--frozen", "--quiet", "main.ts", "src", "scripts", "samples", TESTS] },
  { name: "imports", args: ["run", "--frozen", "--quiet", "--allow-read", "scripts/imports.ts"] },
  { name: "docs", args: ["run", "--frozen", "--quiet", "--allow-all", "scripts/docs.ts", "--check"] },
  { name: "tests", args: ["run", "--frozen", "--quiet", "--allow-all", "scripts/test.ts"] },
];

for (const step of STEPS) {
  console.log(`== ${step.name}`);
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: [...step.args],
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn().status;
  if (code !== 0) {
    console.error(`"${step.name}" failed; run it alone with: deno ${step.args.join(" ")}`);
    Deno.exit(1);
  }
}
