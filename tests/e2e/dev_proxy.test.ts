import assert from "node:assert/strict";
import { request } from "node:http";
import { connect } from "../support/e2e_clients.ts";
import { Folder } from "../support/e2e_folder.ts";
import { call } from "../support/e2e_json_rpc.ts";
import { MARK_VARIABLE, processesWith } from "../support/e2e_processes.ts";
import { type Program, tunnelClient, tunnelClientEnd } from "../support/e2e_program.ts";
import { EVERYTHING_STDIO, freePort } from "../support/e2e_servers.ts";
import { json, SlowTarget, Target } from "../support/e2e_target.ts";

const TUNNEL = "tunnel_22222222222222222222222222222222";

function devProxy(args: readonly string[], env: Readonly<Record<string, string>> = {}): Program {
  return tunnelClient(["dev", "proxy", ...args], { env });
}

/** The connection JSON on standard output, and that there is nothing else. */
async function connectionOf(program: Program): Promise<Record<string, string>> {
  await program.untilPrinted(/^\}\n/m);
  assert.ok(program.stdout.startsWith("{"), program.stdout);
  return JSON.parse(program.stdout);
}

Deno.test("dev proxy prints its connection as JSON when it is ready, writes it to a file, and ends with SIGTERM [V-8 … V-10, LP-4]", async () => {
  await using target = new Target();
  await using folder = new Folder();
  const file = folder.file("new/folder/proxy.json");
  await using program = devProxy([
    "--print-json",
    `--mcp-server-url=${target.url}`,
    `--url-file=${file}`,
    "--health-listen-addr=127.0.0.1:0",
  ]);
  const connection = await connectionOf(program);
  assert.equal(await Deno.readTextFile(file), program.stdout);
  assert.equal((await Deno.stat(file)).mode! & 0o777, 0o644);
  assert.deepEqual(connection, {
    tunnel_id: TUNNEL,
    mcp_url: connection.mcp_url,
    mcp_transport: "tcp",
    control_plane_base_url: "http://localhost",
    control_plane_transport: "unix",
    control_plane_unix_socket: connection.control_plane_unix_socket,
    health_url: connection.health_url,
    backend: connection.backend,
  });
  assert.match(connection.mcp_url!, new RegExp(`^http://127\\.0\\.0\\.1:\\d+/v1/mcp/${TUNNEL}$`));
  assert.match(connection.health_url!, /^http:\/\/127\.0\.0\.1:\d+\/readyz$/);
  assert.ok(connection.backend);

  // Ready means that the very first request goes through.
  assert.equal((await call(connection.mcp_url!, 1, "anything")).status, 200);
  assert.equal(target.arrivals.length, 1);
  const socket = connection.control_plane_unix_socket!;
  assert.match(socket, /\/control\.sock$/);
  assert.equal(
    (await Deno.stat(socket.replace(/\/[^/]*$/, ""))).mode! & 0o777,
    0o700,
    "nobody else gets there",
  );
  const front = await fetch(`${new URL(connection.mcp_url!).origin}/readyz`);
  assert.equal((await front.json()).status, "ok");

  const startedAt = performance.now();
  const end = await program.stopped();
  assert.equal(end.code, 0, end.stderr);
  assert.ok(performance.now() - startedAt < 3_000, "it waited for the open poll");
  assert.equal(end.stdout, `${JSON.stringify(connection, null, 2)}\n`);
  await assert.rejects(
    Deno.stat(socket.replace(/\/[^/]*$/, "")),
    Deno.errors.NotFound,
    "gone after the stop [V-11]",
  );
});

Deno.test("dev proxy says in readiness that it is ready, soon after it has said so on stdout", async () => {
  await using target = new Target();
  await using folder = new Folder();
  await using program = devProxy([
    "--print-json",
    `--mcp-server-url=${target.url}`,
    `--health-url-file=${folder.file("health.url")}`,
  ]);
  const connection = await connectionOf(program);
  assert.equal(`${await folder.read("health.url")}/readyz`, connection.health_url);
  await program.until("readiness", async () => {
    const response = await fetch(connection.health_url!);
    await response.body?.cancel();
    return response.status === 200;
  }, 5_000);
  assert.equal((await program.stopped()).code, 0);
  assert.equal(await folder.exists("health.url"), false);
});

Deno.test("dev proxy without --print-json names the URL, and serves a command on a second channel [V-9]", async () => {
  const mark = `e2e-${crypto.randomUUID()}`;
  await using target = new Target();
  await using program = devProxy([
    `--mcp-server-url=${target.url}`,
    `--mcp-command=channel=extra,command=${EVERYTHING_STDIO.join(" ")}`,
  ], { [MARK_VARIABLE]: mark });
  const [, url = ""] = await program.untilPrinted(/^MCP URL: (\S+)\n/);
  await using client = await connect("v1", `${url}/extra`);
  assert.equal((await client.callTool("echo", { message: "hi" })).content[0].text, "Echo: hi");
  const end = await program.stopped();
  assert.equal(end.code, 0, end.stderr);
  assert.equal(end.stdout, `MCP URL: ${url}\n`);
  assert.deepEqual(processesWith(mark), []);
});

Deno.test("dev proxy ends by itself after --duration, which begins when it is ready [V-14]", async () => {
  await using target = new Target();
  const end = await tunnelClientEnd(["dev", "proxy", `--mcp-server-url=${target.url}`, "--duration=100ms"]);
  assert.equal(end.code, 0, end.stderr);
  assert.match(end.stdout, /^MCP URL: \S+\n$/);
});

/** One POST over a Unix socket. */
async function postOverSocket(socketPath: string, path: string, body: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const headers = { "content-type": "application/json", host: "localhost", accept: "application/json" };
  const outgoing = request({ socketPath, path, method: "POST", headers, agent: false }, (incoming) => {
    let text = "";
    incoming.setEncoding("utf8");
    incoming.on("data", (chunk: string) => text += chunk);
    incoming.on("end", () => resolve(text));
    incoming.on("error", reject);
  });
  outgoing.on("error", reject);
  outgoing.end(body);
  return await promise;
}

Deno.test("dev proxy listens on a Unix socket, which is gone after the stop [V-12]", async () => {
  await using target = new Target();
  await using folder = new Folder();
  const socket = folder.file("deep/er/ingress.sock");
  await using program = devProxy([
    "--print-json",
    `--mcp-server-url=${target.url}`,
    `--listen-unix-socket=${socket}`,
  ]);
  const connection = await connectionOf(program);
  assert.equal(connection.mcp_url, "");
  assert.equal(connection.mcp_transport, "unix");
  assert.equal(connection.mcp_unix_socket, socket);
  assert.equal(connection.mcp_url_path, `/v1/mcp/${TUNNEL}`);
  const text = await postOverSocket(
    socket,
    connection.mcp_url_path!,
    '{"jsonrpc":"2.0","id":"s","method":"ping"}',
  );
  assert.equal(text, '{"jsonrpc":"2.0","id":"s","result":{}}');
  assert.equal((await program.stopped()).code, 0);
  await assert.rejects(Deno.lstat(socket), Deno.errors.NotFound);

  await using words = devProxy([`--mcp-server-url=${target.url}`, `--listen-unix-socket=${socket}`]);
  await words.untilPrinted(/MCP URL path: /);
  assert.equal(
    (await words.stopped()).stdout,
    `MCP Unix socket: ${socket}\nMCP URL path: /v1/mcp/${TUNNEL}\n`,
  );

  await Deno.writeTextFile(socket, "a file of somebody else");
  const refused = await tunnelClientEnd(
    ["dev", "proxy", `--mcp-server-url=${target.url}`, `--listen-unix-socket=${socket}`],
  );
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /listen on external MCP unix socket/);
  assert.equal(refused.stdout, "");
  assert.equal(await Deno.readTextFile(socket), "a file of somebody else");
});

Deno.test("dev proxy comes up whatever the probe says, and whatever the environment holds for run [V-8, V-13]", async () => {
  await using locked = new Target();
  await using guarded = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response("who are you?", { status: 401, headers: { "www-authenticate": "Bearer" } }),
  );
  const nobody = `http://127.0.0.1:${freePort()}/mcp`;
  const env = {
    CONTROL_PLANE_BASE_URL: "http://127.0.0.1:9",
    CONTROL_PLANE_URL_PATH: "/elsewhere",
    CONTROL_PLANE_TUNNEL_ID: "tunnel_99999999999999999999999999999999",
    CONTROL_PLANE_POLL_CHANNELS: "nowhere",
    MCP_SERVER_URL: locked.url,
    OPENAI_API_KEY: "sk-nobody-wants-this",
  };
  for (const [url, status] of [[`http://127.0.0.1:${guarded.addr.port}/mcp`, 401], [nobody, 502]] as const) {
    await using program = devProxy([`--mcp-server-url=${url}`, "--tunnel-id=tunnel_" + "a1".repeat(16)], env);
    const [, mcpUrl = ""] = await program.untilPrinted(/^MCP URL: (\S+)\n/);
    assert.ok(mcpUrl.endsWith(`/v1/mcp/tunnel_${"a1".repeat(16)}`));
    assert.equal((await call(mcpUrl, 1, "tools/list")).status, status);
    assert.equal((await program.stopped()).code, 0);
  }
  assert.equal(locked.arrivals.length, 0);
});

Deno.test("dev proxy can be reached from other machines when it is told to, without a key [LP-2, LP-6]", async () => {
  await using target = new Target();
  await using program = devProxy([
    "--json",
    `--mcp-server-url=${target.url}`,
    "--listen=0.0.0.0:0",
    "--backend=go",
  ]);
  const connection = await connectionOf(program);
  const url = new URL(connection.mcp_url!);
  assert.equal(url.hostname, "127.0.0.1", "a name that can be dialled from here");
  assert.equal((await call(url.href, 1, "ping")).status, 200);
  // By any name: whoever names another address than loopback wants to be reached under it.
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
  const asked = request(url, {
    method: "POST",
    headers: { host: "build-machine:80", "content-type": "application/json", accept: "application/json" },
    agent: false,
  }, (incoming) => {
    incoming.resume();
    incoming.on("end", () => resolve(incoming.statusCode));
  });
  asked.on("error", reject);
  asked.end('{"jsonrpc":"2.0","id":2,"method":"ping"}');
  assert.equal(await promise, 200);
  assert.equal((await program.stopped()).code, 0);
});

Deno.test("dev proxy takes MCP servers from a profile, and nothing of what it says about its control plane [V-6, V-13]", async () => {
  await using target = new Target();
  await using folder = new Folder();
  const profile = [
    "config_version: 1",
    "control_plane:",
    "  base_url: http://127.0.0.1:9",
    "  url_path: /gateway",
    "  tunnel_id: tunnel_99999999999999999999999999999999",
    "  api_key: env:NOT_SET_ANYWHERE",
    "  organization_id: org-theirs",
    "  extra_headers:",
    "    X-Gateway: theirs",
    "health:",
    `  url_file: ${folder.file("theirs.url")}`,
    "mcp:",
    "  server_urls:",
    "    - channel: main",
    `      url: ${target.url}`,
    "    - channel: second",
    `      url: ${target.url}`,
  ].join("\n");
  await Deno.writeTextFile(folder.file("theirs.yaml"), profile);
  for (
    const selection of [
      ["--profile=theirs", `--profile-dir=${folder.path}`],
      [`--profile-file=${folder.file("theirs.yaml")}`],
    ]
  ) {
    await using program = devProxy(["--print-json", ...selection], { CONTROL_PLANE_URL_PATH: "/elsewhere" });
    const { mcp_url = "", tunnel_id, health_url } = await connectionOf(program);
    assert.deepEqual([tunnel_id, health_url], [TUNNEL, undefined]);
    assert.equal((await call(mcp_url, 1, "ping")).status, 200);
    assert.equal((await call(`${mcp_url}/second`, 2, "ping")).status, 200);
    assert.equal((await program.stopped()).code, 0);
    assert.equal(await folder.exists("theirs.url"), false);
  }
  const missing = await tunnelClientEnd(["dev", "proxy", "--profile=nobody", `--profile-dir=${folder.path}`]);
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /nobody\.yaml/);
});

Deno.test("dev proxy refuses flags that contradict each other, and says so without a stack [V-6]", async () => {
  const url = "--mcp-server-url=http://127.0.0.1:9/mcp";
  const cases: readonly (readonly [args: readonly string[], message: RegExp])[] = [
    [
      ["--listen=127.0.0.1:0", "--listen-unix-socket=/tmp/x.sock", url],
      /--listen and --listen-unix-socket are mutually exclusive/,
    ],
    [[], /set --mcp-server-url/],
    [[url, "--tunnel-id=tunnel_SHOUT"], /tunnel_SHOUT/],
    [[url, "--mcp-server-url=http://127.0.0.1:9/other"], /main/],
    [[url, "--duration=soon"], /duration/],
    [[url, "--no-such-flag"], /no-such-flag/],
    [[url, "--backend=rust"], /rust local proxy backend is unavailable in this build/],
    [[url, "stray"], /stray/],
  ];
  await Promise.all(cases.map(async ([args, message]) => {
    const end = await tunnelClientEnd(["dev", "proxy", ...args]);
    assert.equal(end.code, args.includes("stray") ? 2 : 1, `${args}: ${end.stderr}`);
    assert.match(end.stderr, message);
    assert.doesNotMatch(end.stderr, /\n\s+at /);
    assert.equal(end.stdout, "");
  }));
});

Deno.test("dev proxy drains when it stops, and a second signal does not wait for that", async () => {
  await using target = new SlowTarget();
  await using program = devProxy([`--mcp-server-url=${target.url}`]);
  const [, url = ""] = await program.untilPrinted(/^MCP URL: (\S+)\n/);
  const gone = assert.rejects(call(url, 1, "work"), TypeError);
  await program.until("the call runs", () => target.gate.waiting === 1);
  const startedAt = performance.now();
  program.signal("SIGINT");
  await program.until("draining", () => /draining/.test(program.stderr));
  program.signal("SIGINT");
  assert.equal((await program.ended()).code, 0);
  assert.ok(performance.now() - startedAt < 3_000, "it waited for the call");
  await gone;
});

Deno.test("dev proxy says which port is taken, and leaves nothing behind", async () => {
  await using target = new Target();
  await using folder = new Folder();
  const args = ["dev", "proxy", `--mcp-server-url=${target.url}`, `--url-file=${folder.file("proxy.json")}`];
  const ingress = await tunnelClientEnd([...args, `--listen=127.0.0.1:${target.port}`]);
  assert.equal(ingress.code, 1);
  assert.equal(
    ingress.stderr,
    `listen on 127.0.0.1:${target.port}: address already in use; choose another one\n`,
  );
  const health = await tunnelClientEnd([...args, `--health-listen-addr=127.0.0.1:${target.port}`]);
  assert.equal(health.code, 1);
  assert.match(health.stderr, /address already in use/);
  assert.equal(await folder.exists("proxy.json"), false);
});

Deno.test("dev proxy names the flag that was typed, not the one of run [issue 5 §1]", async () => {
  const end = await tunnelClientEnd(["dev", "proxy", "--mcp-server-url=wiki"]);
  assert.equal(end.code, 1);
  assert.match(end.stderr, /^configure tunnel-client: invalid mcp\.server-url in --mcp-server-url: "wiki": /);
});

Deno.test("dev proxy carries 600 calls, 64 of them outstanding at any time", async () => {
  await using target = new Target((arrival) =>
    json(`{"jsonrpc":"2.0","id":${arrival.message.id},"result":${arrival.message.params.n}}`)
  );
  await using program = devProxy([`--mcp-server-url=${target.url}`]);
  const [, url = ""] = await program.untilPrinted(/^MCP URL: (\S+)\n/);
  let next = 0;
  await Promise.all(Array.from({ length: 64 }, async () => {
    for (let n = next++; n < 600; n = next++) {
      assert.equal((await call(url, 1, "echo", { n })).result, n);
    }
  }));
  assert.equal(target.arrivals.length, 600);
});
