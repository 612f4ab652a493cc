/** Real programs that stand between a client and its target in companies: squid, tinyproxy, nginx. */
import assert from "node:assert/strict";
import { unusedPort } from "./net_servers.ts";

const STARTED_WITHIN_MS = 20_000;

/** Where a program is installed; undefined when it is not. */
export function findProgram(name: string): string | undefined {
  return [`/usr/sbin/${name}`, `/usr/bin/${name}`, `/usr/local/bin/${name}`].find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  });
}

/** Declares a test that needs programs: without them it is skipped, or fails where everything is required. */
export function programTest(names: readonly string[], title: string, run: () => Promise<void>): void {
  const missing = names.filter((name) => findProgram(name) === undefined);
  if (missing.length > 0 && Deno.env.get("REQUIRE_ALL") !== "1") {
    console.warn(`skipped, because ${missing.join(", ")} is not installed: ${title}`);
  }
  Deno.test({
    name: title,
    ignore: missing.length > 0 && Deno.env.get("REQUIRE_ALL") !== "1",
    fn: async () => {
      assert.deepEqual(missing, [], "programs are installed");
      await run();
    },
  });
}

export interface RunningProgram extends AsyncDisposable {
  readonly port: number;
  /** Holds configuration and logs. */
  readonly folder: string;
}

/**
 * Starts a program in a folder of its own and waits until its port answers.
 * @param configure text of the configuration file `config`
 */
export async function startProgram(
  name: string,
  configure: (at: { folder: string; port: number }) => string,
  args: (at: { folder: string; port: number }) => string[],
): Promise<RunningProgram> {
  const path = findProgram(name);
  assert.ok(path !== undefined, `${name} is installed`);
  const folder = await Deno.makeTempDir({ prefix: `net-${name}-` });
  await Deno.chmod(folder, 0o777); // the programs give up root's rights
  const port = unusedPort();
  await Deno.writeTextFile(`${folder}/config`, configure({ folder, port }));
  const child = new Deno.Command(path, { args: args({ folder, port }), stdout: "piped", stderr: "piped" })
    .spawn();
  const output = Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  let ended = false;
  void child.status.then(() => ended = true);
  const stop = async () => {
    if (!ended) child.kill("SIGTERM");
    const killing = setTimeout(() => ended || child.kill("SIGKILL"), 5_000);
    await child.status;
    clearTimeout(killing);
    await output;
    await Deno.remove(folder, { recursive: true });
  };
  const untilMs = performance.now() + STARTED_WITHIN_MS;
  while (!await listens(port)) {
    if (ended || performance.now() > untilMs) {
      const text: string = ended ? (await output).join("\n") : "no answer";
      await stop();
      assert.fail(`${name} does not start: ${text}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { port, folder, [Symbol.asyncDispose]: stop };
}

async function listens(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return false;
    throw error;
  }
}

export interface SquidOptions {
  /** Lines of access rules. */
  readonly rules: readonly string[];
  /** `username:password`, from when on they are wanted. */
  readonly credentials?: { readonly username: string; readonly password: string };
}

/** An open proxy, or one with rules. */
export async function startSquid({ rules, credentials }: SquidOptions): Promise<RunningProgram> {
  const helper = `#!/bin/sh
while read -r line; do
  if [ "$line" = "${credentials?.username} ${credentials?.password}" ]; then echo OK; else echo ERR; fi
done
`;
  return await startProgram("squid", ({ folder, port }) => {
    Deno.writeTextFileSync(`${folder}/auth`, helper, { mode: 0o755 });
    return [
      `http_port 127.0.0.1:${port}`,
      "cache deny all",
      `access_log stdio:${folder}/access.log`,
      `cache_log ${folder}/cache.log`,
      `pid_filename ${folder}/squid.pid`,
      `coredump_dir ${folder}`,
      "shutdown_lifetime 0 seconds",
      "pinger_enable off",
      "netdb_filename none",
      "workers 1",
      "max_filedescriptors 1024",
      ...(credentials === undefined ? [] : [
        `auth_param basic program ${folder}/auth`,
        "auth_param basic children 1",
        "auth_param basic realm test",
        "acl known proxy_auth REQUIRED",
      ]),
      ...rules,
      "",
    ].join("\n");
  }, ({ folder }) => ["-N", "-f", `${folder}/config`]);
}

/** The small proxy. @param lines more lines of configuration */
export async function startTinyproxy(lines: readonly string[]): Promise<RunningProgram> {
  return await startProgram("tinyproxy", ({ folder, port }) =>
    [
      `Port ${port}`,
      "Listen 127.0.0.1",
      "Timeout 30",
      "MaxClients 20",
      `LogFile "${folder}/log"`,
      ...lines,
      "",
    ].join("\n"), ({ folder }) => ["-d", "-c", `${folder}/config`]);
}

/** A web server. @param server lines of its `server` block, given the port */
export async function startNginx(server: (port: number) => readonly string[]): Promise<RunningProgram> {
  return await startProgram("nginx", ({ folder, port }) =>
    [
      "daemon off;",
      "worker_processes 1;",
      `pid ${folder}/pid;`,
      `error_log ${folder}/error.log;`,
      "events { worker_connections 64; }",
      "http {",
      `access_log ${folder}/access.log;`,
      ...["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) =>
        `${kind}_temp_path ${folder}/${kind};`
      ),
      "server {",
      ...server(port),
      "}",
      "}",
      "",
    ].join("\n"), ({ folder }) => ["-e", `${folder}/error.log`, "-p", folder, "-c", `${folder}/config`]);
}

/** OpenSSL's own server: demands a client certificate and refuses others by alert, as most servers do. */
export async function startOpensslServer(
  pkiFolder: string,
  version: "-tls1_2" | "-tls1_3",
): Promise<RunningProgram> {
  return await startProgram("openssl", () => "", ({ port }) => [
    ...["s_server", "-accept", `127.0.0.1:${port}`, version, "-www", "-quiet"],
    ...["-cert", `${pkiFolder}/good.pem`, "-key", `${pkiFolder}/good.key`],
    ...["-CAfile", `${pkiFolder}/clients.pem`, "-Verify", "2", "-verify_return_error"],
  ]);
}
