import assert from "node:assert/strict";
import { Folder } from "../support/e2e_folder.ts";
import { Program, tunnelClientEnd } from "../support/e2e_program.ts";

const SHELLS = ["bash", "zsh", "fish", "powershell"];

async function scriptFor(shell: string, ...flags: string[]): Promise<string> {
  const { code, stdout, stderr } = await tunnelClientEnd(["completion", shell, ...flags]);
  assert.deepEqual([code, stderr], [0, ""]);
  return stdout;
}

/** Whether a program can be started here. */
function isInstalled(program: string): boolean {
  return (Deno.env.get("PATH") ?? "").split(":").some((folder) => {
    try {
      return Deno.statSync(`${folder}/${program}`).isFile;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
      throw error;
    }
  });
}

for (const shell of SHELLS) {
  Deno.test(`completion ${shell} knows commands, flags and their values; --no-descriptions leaves the rest out [C-13]`, async () => {
    const [full, bare] = await Promise.all([scriptFor(shell), scriptFor(shell, "--no-descriptions")]);
    for (const script of [full, bare]) {
      assert.match(script, /^[ ']*dev\|mcp-stub\|-\|/m);
      assert.match(script, /^[ ']*run\|--log\.level\|debug info warn/m);
      assert.match(script, /^[ ']*health\|--url-file\|@file\|/m);
      assert.match(script, /^[ ']*admin tunnels get\|--json\|-\|/m);
      assert.match(script, /^[ ']*\|--version\|-\|/m);
    }
    assert.match(full, /\|Serve a tunnel until told to stop/);
    assert.doesNotMatch(bare, /Serve a tunnel until told to stop/);
  });
}

/** What bash would offer for the last word. */
const ASK = `
source "$1"; shift
COMP_TYPE=$1; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
complete -p tunnel-client
_tunnel_client
printf '%s\\n' "\${COMPREPLY[@]}"
`;

async function offered(script: string, words: readonly string[], type = "9"): Promise<string[]> {
  await using shell = new Program([
    "bash",
    "--norc",
    "-c",
    ASK,
    "bash",
    script,
    type,
    "tunnel-client",
    ...words,
  ]);
  const { code, stdout, stderr } = await shell.ended();
  assert.deepEqual([code, stderr], [0, ""]);
  const [registered, ...replies] = stdout.trimEnd().split("\n");
  assert.equal(registered, "complete -F _tunnel_client tunnel-client");
  return replies.filter((reply) => reply !== "").sort();
}

Deno.test("bash completes commands, flags, and what may follow them [C-13]", {
  ignore: !isInstalled("bash"),
}, async () => {
  await using folder = new Folder();
  const script = folder.file("completion.bash");
  await Deno.writeTextFile(script, await scriptFor("bash"));
  await Deno.writeTextFile(folder.file("health.url"), "");
  await Deno.mkdir(folder.file("heaven"));
  const cases: ReadonlyArray<[words: string[], replies: string[]]> = [
    [["de"], ["demo", "dev"]],
    [["dev", ""], ["mcp-stub", "proxy"]],
    [["dev", "p"], ["proxy"]],
    [["nonsense", "dev", "p"], ["proxy"]],
    [["admin", "--json", "tun"], ["tunnels"]],
    [["run", "--log.l"], ["--log.level"]],
    [["relay", "--log-format", ""], ["json", "plain", "struct-text"]],
    // As bash splits words at `=`, and as it does not.
    [["run", "--log.format", "=", ""], ["json", "struct-text"]],
    [["run", "--log.format", "="], ["json", "struct-text"]],
    [["run", "--log.format", "=", "j"], ["json"]],
    [["run", "--log.format=j"], ["--log.format=json"]],
    // A value is no command.
    [["run", "--control-plane.tunnel-id", "dev", "--log.f"], ["--log.file", "--log.format"]],
    [["run", "--control-plane.tunnel-id", "de"], []],
    [["completion", "--no-descriptions", "b"], ["bash"]],
    [["health", "--url-file", folder.file("hea")], [folder.file("health.url"), folder.file("heaven")]],
    [["--ver"], ["--version"]],
    [["health", "--he"], ["--help"]],
  ];
  for (const [words, replies] of cases) {
    assert.deepEqual(await offered(script, words), replies, words.join(" "));
  }
  // A list on the screen explains its words.
  const listed = await offered(script, ["de"], "63");
  assert.match(listed.join("\n"), /^demo {2}\(See one tool call .*\)\ndev {2}\(.*\)$/);
});

Deno.test("bash completes the names of profiles and samples by asking the program [C-13]", {
  ignore: !isInstalled("bash"),
}, async () => {
  await using folder = new Folder();
  const script = folder.file("completion.bash");
  await Deno.writeTextFile(script, await scriptFor("bash"));
  await Deno.mkdir(folder.file("tunnel-client"));
  for (const name of ["alpha", "beta"]) {
    await Deno.writeTextFile(folder.file(`tunnel-client/${name}.yaml`), "");
  }
  const program = folder.file("program");
  const main = new URL("../../main.ts", import.meta.url).pathname;
  await Deno.writeTextFile(
    program,
    `#!/bin/sh\nexec "${Deno.execPath()}" run -A --no-check "${main}" "$@"\n`,
  );
  await Deno.chmod(program, 0o755);
  const asked = async (...words: string[]) => {
    const argv = ["bash", "--norc", "-c", ASK, "bash", script, "9", program, ...words];
    await using shell = new Program(argv, { env: { XDG_CONFIG_HOME: folder.path } });
    const { code, stdout } = await shell.ended();
    assert.equal(code, 0);
    return stdout.trimEnd().split("\n").slice(1).sort();
  };
  assert.deepEqual(await asked("run", "--profile", ""), ["alpha", "beta"]);
  assert.deepEqual(await asked("profiles", "show", "a"), ["alpha"]);
  const samples = await asked("init", "--sample", "sample_mcp_");
  assert.ok(samples.includes("sample_mcp_stdio_local") && samples.length >= 5, samples.join());
  assert.deepEqual(await asked("profiles", "samples", "show", "sample_mcp_with"), ["sample_mcp_with_dcr"]);
});

for (const [shell, args] of [["zsh", ["-n"]], ["fish", ["--no-execute"]], ["bash", ["-n"]]] as const) {
  Deno.test(`${shell} can read its script`, { ignore: !isInstalled(shell) }, async () => {
    await using folder = new Folder();
    const script = folder.file("script");
    await Deno.writeTextFile(script, await scriptFor(shell));
    await using program = new Program([shell, ...args, script]);
    const { code, stderr } = await program.ended();
    assert.deepEqual([code, stderr], [0, ""]);
  });
}
