import assert from "node:assert/strict";
import { AgentProgram } from "../support/e2e_agent.ts";
import { Folder } from "../support/e2e_folder.ts";
import { call } from "../support/e2e_json_rpc.ts";
import { type Program, tunnelClient, tunnelClientEnd } from "../support/e2e_program.ts";
import { Target } from "../support/e2e_target.ts";
import { eventually } from "../support/e2e_wait.ts";
import { makeCertificates } from "../support/net_certificates.ts";
import { AdminService, reply } from "../support/admin_service.ts";

const ADMIN_KEY = "sk-admin-9f8e7d6c5b4a";
const RUNTIME_KEY = "sk-runtime-1a2b3c4d5e6f";
const ADMIN = { OPENAI_ADMIN_KEY: ADMIN_KEY };
const RUNTIME = { CONTROL_PLANE_API_KEY: RUNTIME_KEY };

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `admin tunnels …`; no key may be in what it prints. */
async function admin(args: readonly string[], env: Record<string, string>): Promise<Ended> {
  const end = await tunnelClientEnd(["admin", "tunnels", ...args], { env });
  for (const key of [ADMIN_KEY, RUNTIME_KEY]) {
    assert.ok(!(end.stdout + end.stderr).includes(key), args.join(" "));
  }
  assert.doesNotMatch(end.stderr, /\n\s+at /, "no stack");
  return end;
}

/** The document that a command has printed, and nothing else. */
async function document<T>(args: readonly string[], env: Record<string, string>): Promise<T> {
  const { code, stdout, stderr } = await admin([...args, "--json"], env);
  assert.deepEqual([code, stderr], [0, ""], stderr + stdout);
  const value = JSON.parse(stdout);
  assert.equal(stdout, `${JSON.stringify(value, null, 2)}\n`, "two blanks, one line feed at the end [C-15]");
  return value;
}

interface Tunnel {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly organization_ids?: readonly string[];
  readonly workspace_ids?: readonly string[];
  readonly request_id: string;
}

/** A relay that can be managed, and the variable that leads to it. */
async function startRelay(folder: Folder, more: readonly string[] = []): Promise<{
  readonly relay: Program;
  readonly base: Record<string, string>;
}> {
  const relay = tunnelClient([
    "relay",
    "--admin-key=env:RELAY_ADMIN_KEY",
    "--api-key=env:RELAY_API_KEY",
    `--tunnels-file=${folder.file("tunnels.json")}`,
    "--print-json",
    ...more,
  ], { env: { RELAY_ADMIN_KEY: ADMIN_KEY, RELAY_API_KEY: RUNTIME_KEY } });
  await relay.untilPrinted(/^\}\n/m);
  const { control_plane_base_url: url } = JSON.parse(relay.stdout);
  return { relay, base: { CONTROL_PLANE_BASE_URL: url } };
}

Deno.test("a tunnel that is created serves at once, and one that is deleted serves nobody [13.7]", async () => {
  await using folder = new Folder();
  await using target = new Target();
  const { relay, base } = await startRelay(folder, ["--log-level=debug"]);
  await using _relay = relay;
  assert.deepEqual(JSON.parse(relay.stdout).tunnels, [], "a relay that is managed needs no tunnel to start");

  const scope = ["--organization-id=org-1,org-2", "--workspace-id", "ws-1"];
  const created = await admin(["create", "--name", "Wiki", "--description", "Search the wiki", ...scope], {
    ...base,
    ...ADMIN,
  });
  assert.deepEqual([created.code, created.stderr], [0, ""]);
  const id = /^Tunnel (tunnel_[a-z0-9]{32})$/m.exec(created.stdout)?.[1] ?? "";
  assert.equal(
    created.stdout,
    `Tunnel ${id}\n` +
      "  Name:          Wiki\n" +
      "  Description:   Search the wiki\n" +
      "  Organizations: org-1, org-2\n" +
      "  Workspaces:    ws-1\n" +
      "Wait 25-30 seconds: then the new tunnel is active and ready.\n",
  );

  const url = `${base.CONTROL_PLANE_BASE_URL}/v1/mcp/${id}`;
  await using agent = await AgentProgram.listening({
    controlPlaneUrl: base.CONTROL_PLANE_BASE_URL ?? "",
    args: [`--control-plane.tunnel-id=${id}`, `--mcp.server-url=${target.url}`],
    env: RUNTIME,
  });
  await agent.untilReadyz(200, /^ready/);
  const answer = await eventually("an answer through the created tunnel", async () => {
    const reply = await call(url, 1, "ping");
    assert.ok([200, 503].includes(reply.status), String(reply.status));
    return reply.status === 200 && reply;
  });
  assert.deepEqual(answer.result, {});

  const shown = await document<Tunnel>(["get", id], { ...base, ...RUNTIME });
  assert.match(shown.request_id, /^req_/);
  assert.deepEqual({ ...shown, request_id: "" }, {
    id,
    name: "Wiki",
    description: "Search the wiki",
    workspace_ids: ["ws-1"],
    organization_ids: ["org-1", "org-2"],
    request_id: "",
  });
  const renamed = await document<Tunnel>(
    ["update", id, "--name", " Wiki 2 ", "--organization-id=", "--admin-key=env:MY_KEY"],
    { ...base, MY_KEY: ADMIN_KEY },
  );
  assert.deepEqual([renamed.name, renamed.organization_ids, renamed.workspace_ids], ["Wiki 2", undefined, [
    "ws-1",
  ]]);
  const { tunnels } = await document<{ tunnels: Tunnel[] }>(["list", "--workspace-id=ws-1"], {
    ...base,
    ...ADMIN,
  });
  assert.deepEqual(tunnels.map(({ id, name }) => [id, name]), [[id, "Wiki 2"]]);
  const none = await admin(["list", "--organization-id=org-1"], { ...base, ...ADMIN });
  assert.deepEqual(none, { code: 0, stdout: "", stderr: "" }, "an empty list prints nothing [A-14]");

  const deleted = await admin(["delete", id, "--confirm"], { ...base, ...ADMIN });
  assert.deepEqual([deleted.code, deleted.stderr], [0, ""]);
  assert.match(deleted.stdout, /^Tunnel tunnel_\S+\n {2}Name: +Wiki 2\n[\s\S]*\nDeleted\.\n$/);
  const refused = await agent.untilEvent("poll failed; backing off");
  assert.match(JSON.stringify(refused), /tunnel_not_found/);
  assert.equal((await call(url, 2, "ping")).status, 404);
  assert.equal((await agent.stopped()).code, 0);
  const end = await relay.stopped();
  assert.equal(end.code, 0);
  for (const key of [ADMIN_KEY, RUNTIME_KEY]) assert.ok(!(end.stdout + end.stderr).includes(key));
});

Deno.test("tunnels outlive their relay in the tunnels file, whose mode stays", async () => {
  await using folder = new Folder();
  const first = await startRelay(folder);
  await using _first = first.relay;
  const ids: string[] = [];
  for (const name of ["a", "b", "c"]) {
    const args = ["create", "--name", name, "--description", "d", "--organization-id", "org"];
    ids.push((await document<Tunnel>(args, { ...first.base, ...ADMIN })).id);
  }
  const path = folder.file("tunnels.json");
  assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
  await Deno.chmod(path, 0o640);
  await document(["delete", ids[1]!, "--confirm"], { ...first.base, ...ADMIN });
  assert.equal((await Deno.stat(path)).mode! & 0o777, 0o640);
  assert.equal((await first.relay.stopped()).code, 0);

  const second = await startRelay(folder);
  await using _second = second.relay;
  const env = { ...second.base, ...ADMIN };
  const all = await document<{ tunnels: Tunnel[]; has_more?: true }>(["list", "--organization-id=org"], env);
  assert.deepEqual([all.tunnels.map(({ id }) => id), all.has_more], [[ids[0], ids[2]], undefined]);
  const page = await document<{ tunnels: Tunnel[]; has_more?: true; last_id?: string }>(
    ["list", "--organization-id=org", "--limit=1"],
    env,
  );
  assert.deepEqual([page.tunnels.map(({ id }) => id), page.has_more, page.last_id], [[ids[0]], true, ids[0]]);
  const text = await admin(["list", "--organization-id=org", "--limit=1"], env);
  assert.equal(text.stderr, `there are more tunnels; go on with --after ${ids[0]}\n`);
  assert.match(text.stdout, new RegExp(`^Tunnel ${ids[0]}\n`));
  const rest = await document<{ tunnels: Tunnel[] }>(
    ["list", "--organization-id=org", "--after", ids[0]!],
    env,
  );
  assert.deepEqual(rest.tunnels.map(({ id }) => id), [ids[2]]);
  const both = await admin(["list", "--organization-id=org"], env);
  assert.match(both.stdout, /\n\nTunnel /);
  for (const line of both.stdout.split("\n")) assert.ok(line.length <= 80, line);
});

interface FailureCase {
  readonly args: readonly string[];
  readonly env?: Record<string, string>;
  readonly said: RegExp;
  /** Members of the failure document besides `message`. */
  readonly members?: Readonly<Record<string, unknown>>;
  /** The command line itself is wrong: told on stderr, also with `--json`. */
  readonly isUsage?: true;
}

const CREATE = ["create", "--name=n", "--description=d"];

const LOCAL_FAILURES: readonly FailureCase[] = [
  { args: ["list", "--organization-id=o"], said: /^admin key is required.*OPENAI_ADMIN_KEY.*--admin-key/ },
  { args: ["list", "--organization-id=o"], env: RUNTIME, said: /^admin key is required/ },
  {
    args: ["list", "--organization-id=o"],
    env: { OPENAI_ADMIN_KEY: " " },
    said: /^OPENAI_ADMIN_KEY must be non-empty$/,
  },
  {
    args: ["get", "t1"],
    env: { ...RUNTIME, OPENAI_ADMIN_KEY: "two words" },
    said: /OPENAI_ADMIN_KEY is malformed/,
  },
  { args: ["get", "t1", `--admin-key=${ADMIN_KEY}`], said: /admin-key must use env: or file: prefixes/ },
  { args: ["get", "t1", "--admin-key=env:"], said: /missing after env:/ },
  { args: ["get", "t1", "--admin-key=file:"], said: /missing after file:/ },
  { args: ["get", "t1", "--admin-key=env:NONE"], env: RUNTIME, said: /variable NONE is not set/ },
  {
    args: ["get", "t1", "--admin-key=file:/no/such/file"],
    env: RUNTIME,
    said: /"\/no\/such\/file": no such file/,
  },
  { args: ["get", ""], env: ADMIN, said: /^tunnel id is required/ },
  { args: ["get", ".."], env: ADMIN, said: /^invalid tunnel id "\.\."/ },
  { args: CREATE, env: ADMIN, said: /^at least one of --organization-id or --workspace-id is required$/ },
  { args: [...CREATE, "--organization-id=a,b, a"], env: ADMIN, said: /^duplicate organization-id: a$/ },
  {
    args: [...CREATE, "--workspace-id=w", "--workspace-id=w"],
    env: ADMIN,
    said: /^duplicate workspace-id: w$/,
  },
  { args: [...CREATE, "--name= ", "--workspace-id=w"], env: ADMIN, said: /^--name must not be blank$/ },
  {
    args: [...CREATE, "--description=", "--workspace-id=w"],
    env: ADMIN,
    said: /^--description must not be blank$/,
  },
  { args: ["list"], env: ADMIN, said: /exactly one/ },
  { args: ["list", "--organization-id=o", "--tenant-id=t"], env: ADMIN, said: /exactly one/ },
  { args: ["list", "--organization-id=a,b"], env: ADMIN, said: /exactly one --organization-id/ },
  {
    args: ["list", "--tenant-id=t", "--limit=0"],
    env: ADMIN,
    said: /--limit must be a whole number from 1 up/,
  },
  {
    args: ["update", "t1"],
    env: ADMIN,
    said: /^nothing to update: give at least one of --name, --description/,
  },
  { args: ["update", "t1", "--name= "], env: ADMIN, said: /^--name must not be blank$/ },
  { args: ["delete", "t1"], said: /^refusing to delete "t1".*--confirm$/ },
  { args: ["delete", "t1", "--confirm=false"], env: ADMIN, said: /^refusing to delete/ },
  {
    args: ["get", "t1", "--control-plane.base-url=localhost:1/x"],
    env: ADMIN,
    said: /^invalid control-plane\.base-url .*\(--control-plane\.base-url\)/,
  },
  {
    args: ["get", "t1"],
    env: { ...ADMIN, CONTROL_PLANE_URL_PATH: "no-slash" },
    said: /^invalid control-plane\.url-path "no-slash" \(CONTROL_PLANE_URL_PATH\)/,
  },
  {
    args: ["get", "t1", "--ca-bundle=/no/such.pem"],
    env: ADMIN,
    said: /^invalid ca-bundle "\/no\/such\.pem"/,
  },
  { args: ["get"], env: ADMIN, said: /too few arguments/, isUsage: true },
  { args: ["get", "t1", "t2"], env: ADMIN, said: /unexpected argument "t2"/, isUsage: true },
  { args: ["create", "--name=n", "--workspace-id=w"], env: ADMIN, said: /--description/, isUsage: true },
  {
    args: ["list", "--organisation-id=o"],
    env: ADMIN,
    said: /did you mean --organization-id\?/,
    isUsage: true,
  },
  {
    args: ["list", "--tenant-id=t", "--limit=many"],
    env: ADMIN,
    said: /"many" for "--limit"/,
    isUsage: true,
  },
  {
    args: ["get", "t1", "--control-plane-base-url=http://h"],
    env: ADMIN,
    said: /unknown flag/,
    isUsage: true,
  },
  { args: ["get", "t1", "--http-proxy=http://h"], env: ADMIN, said: /unknown flag/, isUsage: true },
];

/** Runs a case as text and with `--json`. */
async function checkFailure({ args, env = {}, said, members = {}, isUsage }: FailureCase): Promise<void> {
  const name = args.join(" ");
  const text = await admin(args, env);
  assert.deepEqual([text.code, text.stdout], [1, ""], name);
  assert.match(text.stderr.trimEnd(), said);
  assert.equal(text.stderr.trimEnd().split("\n").length, 1, "one line");
  const json = await admin([...args, "--json"], env);
  assert.equal(json.code, 1, name);
  if (isUsage) {
    assert.deepEqual([json.stdout, json.stderr], ["", text.stderr], name);
    return;
  }
  assert.equal(json.stderr, "", name);
  const { error, ...rest } = JSON.parse(json.stdout);
  const { message, request_id: requestId, mitigation: _mitigation, ...others } = error;
  assert.match(message, said);
  assert.deepEqual([rest, others], [{}, members], name);
  assert.ok(requestId === undefined || message.endsWith(`(x-request-id: ${requestId})`), message);
}

/** Runs the cases, two at a time. */
async function checkFailures(cases: readonly FailureCase[]): Promise<void> {
  const left = [...cases];
  const work = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await checkFailure(next);
  };
  await Promise.all([work(), work()]);
}

Deno.test("what is wrong on this side is told without a request, on the right stream [A-3 … A-12, A-20, C-14]", async () => {
  await using service = new AdminService([reply({})]);
  await checkFailures(
    LOCAL_FAILURES.map((each) => ({ ...each, env: { CONTROL_PLANE_BASE_URL: service.origin, ...each.env } })),
  );
  assert.equal(service.arrivals.length, 0);
});

Deno.test("what the control plane refuses is told with code, request id and what to do [A-17 … A-21]", async () => {
  await using folder = new Folder();
  const { relay, base } = await startRelay(folder);
  await using _relay = relay;
  const nobodys = `tunnel_${"9".repeat(32)}`;
  const got = (path: string, method = "GET") => ({ method, path });
  await checkFailures([
    {
      args: ["list", "--tenant-id=t"],
      env: { ...base, OPENAI_ADMIN_KEY: RUNTIME_KEY },
      said:
        /^request GET \/v1\/tunnels failed: 403 tunnel_management_permission_required: .* mitigation: .*Manage/,
      members: {
        ...got("/v1/tunnels"),
        status_code: 403,
        code: "tunnel_management_permission_required",
        type: "permission_error",
      },
    },
    {
      args: ["list", "--tenant-id=t"],
      env: { ...base, OPENAI_ADMIN_KEY: "unknown-key" },
      said: /failed: 401 invalid_api_key: /,
      members: {
        ...got("/v1/tunnels"),
        status_code: 401,
        code: "invalid_api_key",
        type: "authentication_error",
      },
    },
    {
      args: ["get", nobodys],
      env: { ...base, ...RUNTIME },
      said: /failed: 404 tunnel_not_found: /,
      members: {
        ...got(`/v1/tunnels/${nobodys}`),
        status_code: 404,
        code: "tunnel_not_found",
        type: "invalid_request_error",
      },
    },
    {
      args: ["delete", "../x y", "--confirm"],
      env: { ...base, ...ADMIN },
      said: /failed: 400 invalid_tunnel_id_format: .* mitigation: copy the tunnel id/,
      members: {
        ...got("/v1/tunnels/..%2Fx%20y", "DELETE"),
        status_code: 400,
        code: "invalid_tunnel_id_format",
        type: "invalid_request_error",
      },
    },
    {
      args: ["update", nobodys, "--name=n", "--control-plane.url-path=/gateway"],
      env: { ...base, ...ADMIN },
      said: /^request POST \/gateway\/v1\/tunnels\/tunnel_9+ failed: 404 not_found/,
      members: {
        ...got(`/gateway/v1/tunnels/${nobodys}`, "POST"),
        status_code: 404,
        code: "not_found",
        type: "invalid_request_error",
      },
    },
  ]);
  assert.equal((await relay.stopped()).code, 0);
  const env = { ...base, ...ADMIN };
  await checkFailures([{
    args: ["get", nobodys],
    env,
    said:
      /^request GET \/v1\/tunnels\/tunnel_9+ failed: http:\/\/127\.0\.0\.1:\d+: connection refused; check that it runs/,
  }]);
});

Deno.test("what a control plane says reaches the terminal as plain text of one line", async () => {
  const evil = "\u001b]0;owned\u0007 a\nb \u009b31m";
  await using service = new AdminService([
    reply({ id: "t1", name: evil, description: evil, organization_ids: ["o"], creator: "me" }),
    reply({ message: `${evil} ${ADMIN_KEY}` }, 400),
  ]);
  const env = { ...ADMIN, CONTROL_PLANE_BASE_URL: service.origin };
  const shown = await admin(["get", "t1"], env);
  assert.equal(
    shown.stdout,
    "Tunnel t1\n  Name:          ]0;owned a b 31m\n  Description:   ]0;owned a b 31m\n" +
      "  Creator:       me\n  Organizations: o\n  Workspaces:\n",
  );
  const refused = await admin(["get", "t1"], env);
  assert.equal(refused.stderr, "request GET /v1/tunnels/t1 failed: 400 ]0;owned  a b  31m [key]\n");
});

Deno.test("flags of admin may stand before its commands, and an empty base URL counts as none [C-1, A-2]", async () => {
  await using service = new AdminService([reply({ id: "t1" })]);
  const before = await tunnelClientEnd(["admin", "--json", "tunnels", "get", "t1"], {
    env: { ...ADMIN, CONTROL_PLANE_BASE_URL: service.origin },
  });
  assert.deepEqual([before.code, JSON.parse(before.stdout).id], [0, "t1"]);
  const flag = await tunnelClientEnd(
    [
      "admin",
      `--control-plane.base-url=${service.origin}/v1/ignored?x`,
      "tunnels",
      "get",
      "t1",
      "--json=true",
    ],
    { env: { ...ADMIN, CONTROL_PLANE_BASE_URL: "", CONTROL_PLANE_URL_PATH: "" } },
  );
  assert.deepEqual([flag.code, JSON.parse(flag.stdout).id], [0, "t1"]);
  assert.deepEqual(service.arrivals.map(({ target }) => target), ["/v1/tunnels/t1", "/v1/tunnels/t1"]);
});

Deno.test("help of every admin command is on stdout, within 80 columns, and says what it must [A-16, C-2, C-10]", async () => {
  const wants: Readonly<Record<string, readonly RegExp[]>> = {
    "": [/admin COMMAND/, /--admin-key/, /--control-plane\.base-url/, /--json/],
    "tunnels": [/CONTROL_PLANE_API_KEY/, /OPENAI_API_KEY/, /OPENAI_ADMIN_KEY/],
    "tunnels list": [/--tenant-id/, /--after/],
    "tunnels get": [
      /CONTROL_PLANE_API_KEY/,
      /OPENAI_API_KEY/,
      /OPENAI_ADMIN_KEY/,
      /organization_ids/,
      /workspace_ids/,
    ],
    "tunnels create": [
      /Example/,
      /tunnel-client admin tunnels create/,
      /25-30 seconds/,
      /active and\s+ready/,
    ],
    "tunnels update": [/Example/, /tunnel-client admin tunnels update/],
    "tunnels delete": [/--confirm/],
  };
  for (const [words, patterns] of Object.entries(wants)) {
    const { code, stdout, stderr } = await tunnelClientEnd([
      "admin",
      ...words.split(" ").filter(Boolean),
      "--help",
    ]);
    assert.deepEqual([code, stderr], [0, ""], words);
    for (const pattern of patterns) assert.match(stdout, pattern);
    for (const line of stdout.split("\n")) assert.ok(line.length <= 80, line);
  }
  const bare = await tunnelClientEnd(["admin", "tunnels"]);
  assert.deepEqual([bare.code, bare.stdout.includes("Usage: tunnel-client admin tunnels")], [0, true]);
  const unknown = await tunnelClientEnd(["admin", "tunnels", "lst"]);
  assert.deepEqual([unknown.code, unknown.stdout], [2, ""]);
  assert.match(unknown.stderr, /unknown command "lst".*did you mean tunnel-client admin tunnels list\?/);
});

Deno.test("admin takes the proxies of the environment, and none for loopback [CFG-61, A-1]", async () => {
  await using proxy = new AdminService([reply({ id: "t1" })]);
  await using direct = new AdminService([reply({ id: "t2" })]);
  const proxyUrl = new URL(proxy.origin);
  proxyUrl.username = "user";
  proxyUrl.password = "proxy-secret";
  const env = { ...ADMIN, HTTP_PROXY: proxyUrl.href };
  const get = ["get", "t1", "--control-plane.base-url=http://control-plane.example"];
  assert.equal((await document<Tunnel>(get, env)).id, "t1");
  assert.equal(proxy.arrivals[0]?.headers.get("host"), "control-plane.example");
  assert.equal(proxy.arrivals[0]?.headers.get("proxy-authorization"), `Basic ${btoa("user:proxy-secret")}`);
  const loopback = await document<Tunnel>(["get", "t2", `--control-plane.base-url=${direct.origin}`], env);
  assert.deepEqual([loopback.id, proxy.arrivals.length], ["t2", 1]);
  await proxy[Symbol.asyncDispose]();
  const gone = await admin(get, env);
  assert.deepEqual([gone.code, gone.stdout], [1, ""]);
  assert.match(gone.stderr, /^request GET \/v1\/tunnels\/t1 failed: proxy http:\/\/127\.0\.0\.1:\d+: /);
  assert.doesNotMatch(gone.stderr, /proxy-secret/);
});

Deno.test("admin trusts the CA bundle in addition to the system [CFG-55, A-1]", async () => {
  await using certificates = await makeCertificates();
  await using service = new AdminService([reply({ id: "t1" })], certificates.good);
  const get = ["get", "t1", `--control-plane.base-url=${service.origin}`];
  assert.equal(
    (await document<Tunnel>([...get, `--ca-bundle=${certificates.authorityFile}`], ADMIN)).id,
    "t1",
  );
  const env = { ...ADMIN, CA_BUNDLE: "env:CA", CA: certificates.authorityFile };
  assert.equal((await document<Tunnel>(get, env)).id, "t1");
  for (const untrusted of [await admin(get, ADMIN), await admin([...get, "--ca-bundle="], env)]) {
    assert.deepEqual([untrusted.code, untrusted.stdout], [1, ""]);
    assert.match(untrusted.stderr, /failed: https:\/\/127\.0\.0\.1:\d+: .*ca-bundle/);
  }
  assert.equal(service.arrivals.length, 2, "the key went to nobody else");
});

Deno.test("relay --admin-key takes references only, and no key that agents or connectors use [CFG-151]", async () => {
  const cases = [
    [[`--admin-key=${ADMIN_KEY}`], /--admin-key takes no key itself/],
    [["--admin-key=env:NONE"], /NONE is not set/],
    [["--admin-key=env:RUNTIME", "--api-key=env:RUNTIME"], /--admin-key must be another key/],
    [["--admin-key=env:ADMIN", "--listen=0.0.0.0:0"], /would have no connector key/],
  ] as const;
  for (const [args, said] of cases) {
    const end = await tunnelClientEnd(["relay", ...args], {
      env: { RUNTIME: RUNTIME_KEY, ADMIN: ADMIN_KEY },
    });
    assert.deepEqual([end.code, end.stdout], [1, ""]);
    assert.match(end.stderr, said);
    assert.ok(!end.stderr.includes(ADMIN_KEY) && !end.stderr.includes(RUNTIME_KEY));
  }
});
