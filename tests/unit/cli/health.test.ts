import assert from "node:assert/strict";
import { command } from "../../../src/cli/health.ts";
import { parseFlags } from "../../../src/config/mod.ts";

/** What an agent may answer; a missing route is not found. */
type Routes = Readonly<Record<string, () => Response | Promise<Response>>>;

const WELL: Routes = {
  "/healthz": () => new Response("ok\n"),
  "/readyz": () => new Response("ready: all\n"),
};

interface Told {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `health` in this process. */
async function health(...args: string[]): Promise<Told> {
  const said = { stdout: "", stderr: "" };
  const flags = command.flags?.() ?? [];
  const call = { flags: parseFlags(flags, args).flags, args: [], path: "tunnel-client health" };
  const code = await command.run(call, {
    stdout: (text) => said.stdout += text,
    stderr: (text) => said.stderr += text,
    env: {},
  });
  return { code, ...said };
}

/** Serves routes while something is done with their base URL. */
async function serving<T>(
  routes: Routes,
  use: (baseUrl: string) => Promise<T>,
  socketPath?: string,
): Promise<T> {
  const handle = (request: Request) =>
    routes[new URL(request.url).pathname]?.() ?? new Response("none", { status: 404 });
  const quiet = { onListen: () => {} };
  const server = socketPath === undefined
    ? Deno.serve({ hostname: "127.0.0.1", port: 0, ...quiet }, handle)
    : Deno.serve({ path: socketPath, ...quiet }, handle);
  const { addr } = server;
  try {
    return await use("port" in addr ? `http://127.0.0.1:${addr.port}` : "");
  } finally {
    await server.shutdown();
  }
}

const METRIC = "commands_poll_last_successful_timestamp_seconds";

Deno.test("health tells a well agent in lines, and exits with 0 [H-4, H-9]", async () => {
  await serving(WELL, async (base) => {
    assert.deepEqual(await health("--url", `${base}/healthz`), {
      code: 0,
      stderr: "",
      stdout: [
        `Locator: url=${base}/healthz`,
        `Base URL: ${base}`,
        `UI URL: ${base}/ui`,
        `Healthz: PASS | ${base}/healthz | HTTP 200 | ok`,
        `Readyz: PASS | ${base}/readyz | HTTP 200 | ready: all`,
        "Result: OK",
        "",
      ].join("\n"),
    });
  });
});

Deno.test("health tells the same as JSON, and what was asked besides [H-6 … H-8]", async () => {
  const value = 1_780_000_000.25;
  const routes = {
    ...WELL,
    "/metrics": () => new Response(`# HELP ${METRIC} x\n${METRIC}{a="b"} ${value}\n`),
  };
  await serving(routes, async (base) => {
    const port = Number(new URL(base).port);
    const told = await health(
      "--port",
      `${port}`,
      "--pid",
      `${Deno.pid}`,
      "--require-control-plane-poll",
      "--json",
    );
    assert.deepEqual([told.code, told.stderr], [0, ""]);
    const report = {
      locator: { kind: "port", port, resolved_base_url: base },
      process: { pid: Deno.pid, running: true },
      base_url: base,
      ui_url: `${base}/ui`,
      healthz: { url: `${base}/healthz`, ok: true, status: 200, body: "ok" },
      readyz: { url: `${base}/readyz`, ok: true, status: 200, body: "ready: all" },
      control_plane_poll: { url: `${base}/metrics`, value, ok: true },
      result: "ok",
    };
    assert.equal(told.stdout, `${JSON.stringify(report, null, 2)}\n`);
  });
});

for (
  const [what, urlOf] of [
    ["a base", (base: string) => base],
    ["blanks and slashes around it", (base: string) => `  ${base}//\n`],
    ["/readyz at its end", (base: string) => `${base}/readyz`],
    ["/healthz/ at its end", (base: string) => `${base}/healthz/`],
  ] as const
) {
  Deno.test(`health takes a URL with ${what}, also from a file [H-2]`, async () => {
    await serving(WELL, async (base) => {
      const file = await Deno.makeTempFile();
      await Deno.writeTextFile(file, urlOf(base));
      const told = [await health("--url", urlOf(base), "--json"), await health("--url-file", file, "--json")];
      for (const { code, stdout } of told) {
        assert.equal(code, 0, stdout);
        assert.equal(JSON.parse(stdout).locator.resolved_base_url, base);
      }
      await Deno.remove(file);
    });
  });
}

Deno.test("health asks over a Unix socket, by its path and by its URL [H-2]", {
  ignore: Deno.build.os === "windows",
}, async () => {
  const folder = await Deno.makeTempDir();
  const socket = `${folder}/s.sock`;
  const url = `http+unix://${btoa(socket).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;
  await serving(WELL, async () => {
    for (const args of [["--unix-socket", socket], ["--url", `${url}/readyz`]]) {
      const { code, stdout } = await health(...args);
      assert.equal(code, 0, stdout);
      assert.ok(stdout.includes(`Healthz: PASS | ${url}/healthz | HTTP 200 | ok\n`), stdout);
    }
  }, socket);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("health follows redirects, and shows at most 4096 bytes of a body [H-3]", async () => {
  const routes = {
    "/healthz": () => new Response(null, { status: 307, headers: { location: "/elsewhere" } }),
    "/elsewhere": () => new Response("here"),
    "/readyz": () => new Response("x".repeat(10_000)),
  };
  await serving(routes, async (base) => {
    const { code, stdout } = await health("--url", base, "--json");
    const { healthz, readyz } = JSON.parse(stdout);
    assert.deepEqual([code, healthz.status, healthz.body], [0, 200, "here"]);
    assert.equal(readyz.body.length, 4096);
  });
});

Deno.test("health gives up redirects that go round", async () => {
  const round = () => new Response(null, { status: 302, headers: { location: "/healthz" } });
  await serving({ ...WELL, "/healthz": round }, async (base) => {
    const { code, stdout } = await health("--url", base);
    assert.equal(code, 2);
    assert.match(stdout, /Healthz: FAIL \| \S+ \| more than 10 redirects\n/);
  });
});

const NOT_READY: Routes = { ...WELL, "/readyz": () => new Response("not ready\nmcp: down", { status: 503 }) };
const metrics = (text: string, status = 200): Routes => ({
  ...WELL,
  "/metrics": () => new Response(text, { status }),
});
const POLL = ["--require-control-plane-poll"];
const BAD: ReadonlyArray<[what: string, routes: Routes, args: string[], line: RegExp, rule: string]> = [
  ["is not ready", NOT_READY, [], /^Readyz: FAIL \| \S+ \| HTTP 503 \| not ready; mcp: down$/m, "H-3"],
  [
    "has no such route",
    { "/healthz": () => new Response("ok") },
    [],
    /^Readyz: FAIL \| \S+ \| HTTP 404 \| none$/m,
    "H-3",
  ],
  [
    "has never polled",
    metrics(`${METRIC} 0\n`),
    POLL,
    /^Control-plane poll: FAIL \| \S+\/metrics \| no successful control-plane poll observed$/m,
    "H-6",
  ],
  [
    "has no such metric",
    metrics(`${METRIC}_x 1\n`),
    POLL,
    new RegExp(`metric ${METRIC} is missing$`, "m"),
    "H-6",
  ],
  ["shows no metrics", metrics("no", 500), POLL, /^Control-plane poll: FAIL \| \S+ \| HTTP 500$/m, "H-6"],
  [
    "has polled too long ago",
    metrics(`${METRIC} 1000\n`),
    ["--max-poll-age=1m"],
    /^Control-plane poll: FAIL \| \S+ \| the last successful poll was \d+ s ago$/m,
    "issue 5",
  ],
  ["has no process", WELL, ["--pid=2147483646"], /^Process: FAIL \| pid=2147483646$/m, "H-7"],
  [
    "has no PID file",
    WELL,
    ["--pid-file=/nowhere/pid"],
    /^Process: FAIL \| pid_file=\/nowhere\/pid \| the file does not exist$/m,
    "H-7",
  ],
];
for (const [what, routes, args, line, rule] of BAD) {
  Deno.test(`health exits with 2 and a silent stderr when the agent ${what} [${rule}]`, async () => {
    await serving(routes, async (base) => {
      const told = await health("--url", base, ...args);
      assert.deepEqual([told.code, told.stderr], [2, ""]);
      assert.match(told.stdout, line);
      assert.match(told.stdout, /\nResult: FAIL\n$/);
    });
  });
}

Deno.test("health reads the process id out of a file [H-7]", async () => {
  const file = await Deno.makeTempFile();
  await Deno.writeTextFile(file, ` ${Deno.pid}\n`);
  await serving(WELL, async (base) => {
    const good = await health("--url", base, "--pid-file", file);
    assert.equal(good.code, 0);
    assert.ok(good.stdout.includes(`Process: PASS | pid=${Deno.pid} | pid_file=${file}\n`));
    await Deno.writeTextFile(file, "-4\n");
    const bad = await health("--url", base, "--pid-file", file);
    assert.equal(bad.code, 2);
    assert.ok(bad.stdout.includes(`Process: FAIL | pid_file=${file} | the file holds no process id\n`));
  });
  await Deno.remove(file);
});

const UNKNOWN: ReadonlyArray<[args: string[], error: RegExp]> = [
  [["--url="], /^the URL is empty$/],
  [["--url=ftp://h/"], /^the URL is not an http, https or http\+unix URL with a host$/],
  [["--url=http+unix://%%%"], /base64url/],
  [["--url-file=/nowhere/url"], /^cannot read the URL file: it does not exist/],
];
for (const [args, error] of UNKNOWN) {
  Deno.test(`health ${args.join(" ")} is answered in the report, without a probe [H-5, HC-9]`, async () => {
    const { code, stdout, stderr } = await health(...args, "--json");
    assert.deepEqual([code, stderr], [2, ""]);
    const { locator, healthz, readyz, base_url, result } = JSON.parse(stdout);
    assert.match(locator.error, error);
    assert.deepEqual([healthz, readyz, base_url, result], [{ ok: false }, { ok: false }, undefined, "fail"]);
  });
}

Deno.test("health shows no user info of a URL, wherever it fails", async () => {
  for (const url of ["http://user:secret@127.0.0.1:1/x", "ftp://user:secret@h/", "http://user:secret@"]) {
    for (const flags of [[], ["--json"]]) {
      const { code, stdout, stderr } = await health("--url", url, ...flags);
      assert.equal(code, 2);
      assert.doesNotMatch(stdout + stderr, /secret|user/);
    }
  }
});

Deno.test("health says in words why nobody answers, and waits no longer than half a second for it [H-3]", async () => {
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const startedAt = performance.now();
  const told = await health("--port", `${silent.addr.port}`);
  silent.close();
  assert.equal(told.code, 2);
  assert.match(told.stdout, /Healthz: FAIL \| \S+ \| no answer within 500 ms\n/);
  assert.ok(performance.now() - startedAt < 5_000);
  const refused = await health("--port", `${silent.addr.port}`);
  assert.match(refused.stdout, /Healthz: FAIL \| \S+ \| connection refused: nothing listens there\n/);
});

Deno.test("health --wait asks again until the agent is well", async () => {
  let asked = 0;
  const routes = {
    ...WELL,
    "/readyz": () => ++asked < 3 ? new Response("no", { status: 503 }) : new Response("yes"),
  };
  await serving(routes, async (base) => {
    const { code, stdout } = await health("--url", base, "--wait=30s");
    assert.equal(code, 0);
    assert.equal(asked, 3);
    assert.equal(stdout.split("Result:").length, 2, "only the last answer is told");
  });
});

Deno.test("health --wait gives up after its time", async () => {
  await serving(NOT_READY, async (base) => {
    const { code, stdout } = await health("--url", base, "--wait=300ms");
    assert.equal(code, 2);
    assert.match(stdout, /HTTP 503/);
  });
});
