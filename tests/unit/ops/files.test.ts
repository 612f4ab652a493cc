import assert from "node:assert/strict";
import { StartError } from "../../../src/ops/mod.ts";
import { directoryOf, writeFileAtomically } from "../../../src/ops/atomic_file.ts";
import { writePidFile } from "../../../src/ops/pid_file.ts";
import { clearSocketPath } from "../../../src/ops/unix_socket.ts";
import { writeUrlFile } from "../../../src/ops/url_file.ts";
import { recordLog } from "../../support/ops_log.ts";

const UNIX = Deno.build.os !== "windows";

function inDirectory(name: string, run: (directory: string) => Promise<void>): void {
  Deno.test({
    name,
    ignore: !UNIX,
    async fn() {
      const directory = await Deno.makeTempDir();
      try {
        await run(directory);
      } finally {
        await Deno.remove(directory, { recursive: true });
      }
    },
  });
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    assert.ok(error instanceof Deno.errors.NotFound);
    return false;
  }
}

async function mode(path: string): Promise<number> {
  return ((await Deno.stat(path)).mode ?? 0) & 0o777;
}

async function names(directory: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(directory))).map(({ name }) => name).sort();
}

/** A process that lives until it is told to end. */
function sleeper(program: string, args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command(program, { args: [...args], stdin: "piped", stdout: "null", stderr: "null" })
    .spawn();
}

async function end(child: Deno.ChildProcess): Promise<void> {
  await child.stdin.close();
  await child.status;
}

inDirectory(
  "writeUrlFile() writes the URL without a line feed, mode 0600, and leaves no other file [P-1, P-7]",
  async (directory) => {
    const { log, find } = recordLog();
    const path = `${directory}/health.url`;
    const remove = await writeUrlFile(path, "http://127.0.0.1:8080", log);
    assert.equal(await Deno.readTextFile(path), "http://127.0.0.1:8080");
    assert.equal(await mode(path), 0o600);
    assert.deepEqual(await names(directory), ["health.url"]);
    const record = find(`🩺 HEALTH URL: http://127.0.0.1:8080 (written to ${path})`);
    assert.deepEqual(record?.fields, { component: "health", url: "http://127.0.0.1:8080", path });
    await remove();
    assert.equal(await exists(path), false);
  },
);

inDirectory("writeUrlFile() creates the directory with mode 0755 [P-1]", async (directory) => {
  await writeUrlFile(`${directory}/a/b/health.url`, "http://x", recordLog().log);
  assert.equal(await mode(`${directory}/a`), 0o755 & ~Deno.umask());
});

inDirectory("writeUrlFile() replaces a symbolic link instead of following it [P-1]", async (directory) => {
  await Deno.writeTextFile(`${directory}/victim`, "untouched");
  await Deno.symlink(`${directory}/victim`, `${directory}/health.url`);
  await writeUrlFile(`${directory}/health.url`, "http://x", recordLog().log);
  assert.equal(await Deno.readTextFile(`${directory}/victim`), "untouched");
  assert.equal((await Deno.lstat(`${directory}/health.url`)).isSymlink, false);
});

inDirectory(
  "a URL file that is missing at the stop is fine, one of another process stays [P-3]",
  async (directory) => {
    const path = `${directory}/health.url`;
    const remove = await writeUrlFile(path, "http://ours", recordLog().log);
    await Deno.remove(path);
    await remove();
    const removeAgain = await writeUrlFile(path, "http://ours", recordLog().log);
    await writeUrlFile(path, "http://theirs", recordLog().log);
    await removeAgain();
    assert.equal(await Deno.readTextFile(path), "http://theirs");
  },
);

inDirectory(
  "writeUrlFile() says which setting could not be written and leaves nothing behind [P-2]",
  async (directory) => {
    await Deno.mkdir(`${directory}/taken`);
    await assert.rejects(
      writeUrlFile(`${directory}/taken`, "http://x", recordLog().log),
      (error: unknown) =>
        error instanceof StartError && /^cannot write health\.url-file ".*taken": /.test(error.message),
    );
    assert.deepEqual(await names(directory), ["taken"]);
  },
);

inDirectory("writeFileAtomically() never shows a reader a part [P-1]", async (directory) => {
  const path = `${directory}/file`;
  const contents = new Set(["a".repeat(5000), "b".repeat(9000)]);
  await writeFileAtomically(path, "a".repeat(5000), 0o600);
  const stop = new AbortController();
  const reading = (async () => {
    let reads = 0;
    while (!stop.signal.aborted) {
      assert.ok(contents.has(await Deno.readTextFile(path)));
      reads++;
    }
    return reads;
  })();
  for (let n = 0; n < 50; n++) {
    for (const content of contents) await writeFileAtomically(path, content, 0o600);
  }
  stop.abort();
  assert.ok(await reading > 0);
});

inDirectory(
  "writePidFile() writes the pid and a line feed and removes it again [P-8, P-9, P-10]",
  async (directory) => {
    const { log, find } = recordLog();
    const path = `${directory}/agent.pid`;
    const remove = await writePidFile(path, log);
    assert.equal(await Deno.readTextFile(path), `${Deno.pid}\n`);
    assert.equal(await mode(path), 0o644);
    assert.deepEqual(find("pid file written")?.fields, { component: "process", pid: Deno.pid, path });
    await remove();
    assert.equal(await exists(path), false);
    await remove();
  },
);

inDirectory("writePidFile() refuses the file of a running process of the same program", async (directory) => {
  const path = `${directory}/agent.pid`;
  const other = sleeper(Deno.execPath(), ["eval", "for await (const _ of Deno.stdin.readable);"]);
  try {
    await Deno.writeTextFile(path, `${other.pid}\n`);
    await assert.rejects(
      writePidFile(path, recordLog().log),
      (error: unknown) =>
        error instanceof StartError && error.message.includes(`running process ${other.pid}`),
    );
    assert.equal(await Deno.readTextFile(path), `${other.pid}\n`);
  } finally {
    await end(other);
  }
  await writePidFile(path, recordLog().log);
  assert.equal(await Deno.readTextFile(path), `${Deno.pid}\n`);
});

inDirectory(
  "writePidFile() takes over numbers that dead runs left, other programs got, or nobody can read",
  async (directory) => {
    const path = `${directory}/agent.pid`;
    const other = sleeper("cat", []);
    try {
      const gone = sleeper("cat", []);
      await end(gone);
      const leftovers = [`${gone.pid}\n`, "not a number", "", "-1", `${Deno.pid}`];
      if (Deno.build.os === "linux") leftovers.push(`${other.pid}\n`);
      for (const leftover of leftovers) {
        await Deno.writeTextFile(path, leftover);
        await writePidFile(path, recordLog().log);
        assert.equal(await Deno.readTextFile(path), `${Deno.pid}\n`);
      }
    } finally {
      await end(other);
    }
  },
);

inDirectory("a PID file of another process stays at the stop [P-10]", async (directory) => {
  const path = `${directory}/agent.pid`;
  const remove = await writePidFile(path, recordLog().log);
  await Deno.writeTextFile(path, "4711\n");
  await remove();
  assert.equal(await Deno.readTextFile(path), "4711\n");
});

inDirectory("writePidFile() does not create directories and says what to do [P-8]", async (directory) => {
  await assert.rejects(
    writePidFile(`${directory}/missing/agent.pid`, recordLog().log),
    (error: unknown) =>
      error instanceof StartError && /^cannot write pid\.file .* must exist/.test(error.message),
  );
});

inDirectory("clearSocketPath() creates the directory of a new socket [H-5]", async (directory) => {
  await clearSocketPath(`${directory}/a/b/agent.sock`, "health.unix-socket");
  assert.equal(await mode(`${directory}/a/b`), 0o755 & ~Deno.umask());
});

inDirectory("clearSocketPath() leaves a file that is no socket alone [H-5]", async (directory) => {
  const path = `${directory}/agent.sock`;
  await Deno.writeTextFile(path, "precious");
  await assert.rejects(
    clearSocketPath(path, "health.unix-socket"),
    (error: unknown) =>
      error instanceof StartError && error.message.includes("exists and is not a unix socket"),
  );
  assert.equal(await Deno.readTextFile(path), "precious");
});

inDirectory(
  "clearSocketPath() refuses a socket that accepts connections and removes a stale one [H-5]",
  async (directory) => {
    const path = `${directory}/agent.sock`;
    const listener = Deno.listen({ transport: "unix", path });
    await assert.rejects(
      clearSocketPath(path, "health.unix-socket"),
      (error: unknown) =>
        error instanceof StartError && error.message.includes("is already accepting connections"),
    );
    listener.close();
    await leaveStaleSocket(path);
    assert.equal(await exists(path), true);
    await clearSocketPath(path, "health.unix-socket");
    assert.equal(await exists(path), false);
  },
);

/** A socket file whose process was killed. */
async function leaveStaleSocket(path: string): Promise<void> {
  if (await exists(path)) await Deno.remove(path);
  const script = `Deno.listen({ transport: "unix", path: ${JSON.stringify(path)} }); console.log("listening");
    for await (const _ of Deno.stdin.readable);`;
  const child = new Deno.Command(Deno.execPath(), { args: ["eval", script], stdin: "piped", stdout: "piped" })
    .spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  child.kill("SIGKILL");
  await reader.cancel();
  await child.stdin.abort();
  await child.status;
}

Deno.test("directoryOf() is everything before the last separator", () => {
  assert.equal(directoryOf("/a/b/c"), "/a/b");
  assert.equal(directoryOf("/a"), "/");
  assert.equal(directoryOf("a"), ".");
  assert.equal(directoryOf("a/b"), "a");
});
