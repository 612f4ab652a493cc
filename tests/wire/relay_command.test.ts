import assert from "node:assert/strict";
import { join } from "node:path";
import { TUNNEL } from "../support/relay_harness.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

interface RelayProcess {
  readonly child: Deno.ChildProcess;
  /** Everything on standard output up to the text; rejects when the process ends before. */
  readonly stdoutUntil: (text: string) => Promise<string>;
  /** Ends the process. @returns its exit code and all of its standard error */
  readonly stop: (signal: Deno.Signal) => Promise<{ code: number; stderr: string }>;
}

function start(args: readonly string[], env: Record<string, string> = {}): RelayProcess {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--no-lock", MAIN, "relay", ...args],
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stderr = new Response(child.stderr).text();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let seen = "";
  return {
    child,
    stdoutUntil: async (text) => {
      while (!seen.includes(text)) {
        const { value, done } = await reader.read();
        if (done) throw new Error(`ended early: ${seen}${await stderr}`);
        seen += value;
      }
      return seen;
    },
    stop: async (signal) => {
      child.kill(signal);
      const [{ code }, text] = await Promise.all([child.status, stderr]);
      await reader.cancel();
      return { code, stderr: text };
    },
  };
}

async function fails(args: readonly string[], exitCode = 1): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--no-lock", MAIN, "relay", ...args],
    stdin: "null",
  }).output();
  const said = new TextDecoder().decode(stderr);
  assert.equal(code, exitCode, said);
  assert.equal(new TextDecoder().decode(stdout), "");
  assert.match(said, /^[^\n]+\n$/, "one line");
  return said;
}

async function withDirectory(test: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await test(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("relay --print-json prints the URLs alone, serves, and ends with 0 on SIGTERM", async () => {
  await withDirectory(async (directory) => {
    const urlFile = join(directory, "relay.json");
    const second = TUNNEL.replaceAll("2", "3");
    const relay = start(
      [
        "--tunnel-id",
        TUNNEL,
        "--tunnel-id",
        second,
        "--api-key",
        "env:RELAY_KEY",
        "--url-file",
        urlFile,
        "--print-json",
      ],
      { RELAY_KEY: "key-from-env" },
    );
    const json = await relay.stdoutUntil("\n}\n");
    const document = JSON.parse(json);
    const base = document.control_plane_base_url;
    assert.match(base, /^http:\/\/127\.0\.0\.1:\d+$/);
    assert.deepEqual(document, {
      control_plane_base_url: base,
      tunnels: [TUNNEL, second].map((id) => ({ tunnel_id: id, mcp_url: `${base}/v1/mcp/${id}` })),
    });
    assert.equal(json, `${JSON.stringify(document, null, 2)}\n`);
    assert.equal(await Deno.readTextFile(urlFile), json);
    assert.equal((await Deno.stat(urlFile)).mode! & 0o777, 0o600);
    const poll = await fetch(`${base}/v1/tunnels/${second}/poll?timeout_ms=1`, {
      headers: { Authorization: "Bearer key-from-env" },
    });
    assert.equal(poll.status, 204);
    const { code, stderr } = await relay.stop("SIGTERM");
    assert.equal(code, 0);
    assert.ok(!stderr.includes("key-from-env"));
    await assert.rejects(Deno.stat(urlFile), Deno.errors.NotFound);
  });
});

Deno.test("relay without keys makes one, shows it once, and keeps it in the file it was given, mode 0600", async () => {
  await withDirectory(async (directory) => {
    const keyFile = join(directory, "agent.key");
    const first = start(["--api-key-file", keyFile]);
    const greeting = await first.stdoutUntil("--mcp.server-url");
    const key = /^api key {2}(relay_[a-z0-9]{48})$/m.exec(greeting)![1]!;
    assert.equal(greeting.split(key).length, 2, "once");
    for (const line of greeting.split("\n")) assert.ok(line.length <= 80, line);
    const base = /^control {2}(http:\S+)$/m.exec(greeting)![1]!;
    const tunnel = /^tunnel {3}(tunnel_[a-z0-9]{32})$/m.exec(greeting)![1]!;
    assert.ok(greeting.includes(`mcp url  ${base}/v1/mcp/${tunnel}\n`));
    const metadata = await fetch(`${base}/v1/tunnels/${tunnel}`, {
      headers: { Authorization: `Bearer ${key}` },
    });
    assert.equal((await metadata.json()).id, tunnel);
    assert.equal(await Deno.readTextFile(keyFile), `${key}\n`);
    assert.equal((await Deno.stat(keyFile)).mode! & 0o777, 0o600);
    const ended = await first.stop("SIGINT");
    assert.deepEqual([ended.code, ended.stderr.includes(key)], [0, false]);

    const again = start(["--api-key-file", keyFile]);
    assert.ok(!(await again.stdoutUntil("--mcp.server-url")).includes(key), "an old key is not shown");
    assert.equal((await again.stop("SIGTERM")).code, 0);

    await Deno.chmod(keyFile, 0o644);
    assert.match(await fails(["--api-key-file", keyFile]), /may be read by others \(mode 0644\)/);
  });
});

Deno.test("relay --print-json tells a new key on standard error, so that standard output stays JSON", async () => {
  const relay = start(["--print-json"]);
  const json = await relay.stdoutUntil("\n}\n");
  JSON.parse(json);
  const { stderr } = await relay.stop("SIGTERM");
  assert.match(stderr, /^api key {2}relay_[a-z0-9]{48}$/m);
  assert.ok(!json.includes("relay_"));
});

Deno.test("relay serves the tunnels of a file, with their keys", async () => {
  await withDirectory(async (directory) => {
    const path = join(directory, "tunnels.json");
    await Deno.writeTextFile(join(directory, "key"), "key-in-file\n");
    await Deno.writeTextFile(
      path,
      JSON.stringify({
        tunnels: [{
          id: TUNNEL,
          name: "From file",
          api_key: `file:${join(directory, "key")}`,
          connector_key: "env:CONNECTOR",
        }],
      }),
    );
    const relay = start(["--tunnels-file", path, "--print-json", "--listen", "0.0.0.0:0"], {
      CONNECTOR: "c-key",
    });
    const { control_plane_base_url: base } = JSON.parse(await relay.stdoutUntil("\n}\n"));
    const metadata = await fetch(`${base}/v1/tunnels/${TUNNEL}`, {
      headers: { Authorization: "Bearer key-in-file" },
    });
    assert.equal((await metadata.json()).name, "From file");
    const closed = await fetch(`${base}/v1/mcp/${TUNNEL}`, { method: "POST", body: "{}" });
    await closed.body?.cancel();
    assert.equal(closed.status, 401);
    assert.equal((await relay.stop("SIGTERM")).code, 0);
  });
});

Deno.test("relay refuses a wrong command line with one line and exit code 1, a stray word with 2", async () => {
  const literal = await fails(["--api-key", "sk-secret-key"]);
  assert.match(literal, /--api-key takes no key itself/);
  assert.ok(!literal.includes("sk-secret-key"));
  assert.match(await fails(["--listen", "0.0.0.0:0"]), /has no connector key/);
  assert.match(await fails(["--listen", "nonsense"]), /not a listen address/);
  assert.match(await fails(["--response-timeout", "30"]), /a duration needs a unit/);
  assert.match(await fails(["--response-timeout", "0s"]), /above 0/);
  assert.match(await fails(["--tunnel-id", "short"]), /--tunnel-id must be/);
  assert.match(
    await fails(["--tunnels-file", "/nonexistent/tunnels.json"]),
    /cannot read tunnels file .*no such file/,
  );
  assert.match(await fails(["--bogus"]), /--bogus/);
  assert.match(await fails(["extra"], 2), /^unexpected argument "extra"; .*relay --help$/m);
});
