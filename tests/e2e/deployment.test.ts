/** The deployment files of `samples/`: every command line, port, probe and limit in them fits the program (issue 6 §4). */
import assert from "node:assert/strict";
import { Deployment } from "kubernetes-models/apps/v1";
import { NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1";
import { ConfigMap } from "kubernetes-models/v1";
import { resolveCommandLine } from "../../src/cli/program.ts";
import { loadRunConfig, type RunConfig } from "../../src/config/mod.ts";
import {
  documents,
  instructions,
  type Manifest,
  sample,
  seconds,
  unitSettings,
} from "../support/deployment_files.ts";
import { Folder } from "../support/e2e_folder.ts";
import { call } from "../support/e2e_json_rpc.ts";
import { Program, tunnelClientEnd, tunnelClientWords } from "../support/e2e_program.ts";
import { TestRelay } from "../support/e2e_relay.ts";
import { Place } from "../support/sandbox_profiles.ts";
import { canFilter, seccompFilter } from "../support/seccomp_filter.ts";

const HAS_SYSTEMD = await exists("systemd-analyze");
const MUST_RUN = Deno.env.get("REQUIRE_ALL") === "1";
/** `systemd-analyze security` gives 0 to what can do nothing and 10 to what is not confined at all. */
const EXPOSURE_LIMIT = 1.5;
/** More than a stop takes after the drain: children, listener, files. */
const MARGIN_S = 10;

async function exists(program: string): Promise<boolean> {
  try {
    return (await new Deno.Command(program, { args: ["--version"], stdout: "null" }).output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function systemdTest(name: string, fn: () => Promise<void>): void {
  const isPossible = HAS_SYSTEMD || MUST_RUN;
  Deno.test({ name: isPossible ? name : `${name} (no systemd-analyze here)`, ignore: !isPossible, fn });
}

/** What `run` makes of a command line, with the environment and the files of the place that it stands in. */
async function configOf(
  words: readonly string[],
  env: Readonly<Record<string, string>>,
  files: Readonly<Record<string, string>> = {},
): Promise<RunConfig> {
  const resolved = await resolveCommandLine(words);
  assert.ok(resolved.kind === "call", `${words}`);
  assert.equal(resolved.call.path, "tunnel-client run");
  return await loadRunConfig({
    flags: resolved.call.flags,
    env,
    readTextFile(path) {
      const text = files[path];
      if (text === undefined) throw new Deno.errors.NotFound(path);
      return text;
    },
  });
}

async function assertHealthCommand(words: readonly string[], port: number): Promise<void> {
  const resolved = await resolveCommandLine(words);
  assert.ok(resolved.kind === "call" && resolved.call.path === "tunnel-client health");
  assert.deepEqual(resolved.call.flags.port, [String(port)]);
}

function portOf({ health }: RunConfig): number {
  return Number(health.listenAddr.split(":").at(-1));
}

// systemd

async function unitConfig(): Promise<RunConfig> {
  const unit = unitSettings(await sample("systemd/tunnel-client.service"));
  const [program, ...words] = unit.get("Service.ExecStart")![0]!.replaceAll("%d", "/creds").replaceAll(
    "%t",
    "/run",
  ).split(" ");
  assert.equal(program, "/usr/local/bin/tunnel-client");
  return await configOf(words, {}, {
    "/etc/tunnel-client/profile.yaml": await sample("systemd/profile.yaml"),
    "/creds/api-key": "key\n",
  });
}

Deno.test("the unit's command line works with its profile, its credential and its limits", async () => {
  const unit = unitSettings(await sample("systemd/tunnel-client.service"));
  const config = await unitConfig();
  assert.equal(config.controlPlane.apiKey, "key");
  assert.match(unit.get("Service.LoadCredential")![0]!, /^api-key:/);
  assert.equal(config.health.urlFile, `/run/${unit.get("Service.RuntimeDirectory")![0]}/health.url`);
  assert.ok(seconds(unit.get("Service.TimeoutStopSec")![0]!) >= config.drainTimeoutMs / 1000 + MARGIN_S);
  assert.equal(unit.get("Service.DynamicUser")![0], "yes");
  assert.equal(unit.get("Service.MemoryDenyWriteExecute"), undefined, "a JIT cannot live with it");
});

/** The unit with a program that exists, and with the drop-in that `permissions` writes for its profile. */
async function unitFolder(folder: Folder): Promise<string> {
  const unit = (await sample("systemd/tunnel-client.service")).replaceAll(
    "/usr/local/bin/tunnel-client",
    "/bin/true",
  );
  const path = folder.file("tunnel-client.service");
  await Deno.writeTextFile(path, unit);
  await Deno.writeTextFile(folder.file("profile.yaml"), await sample("systemd/profile.yaml"));
  const { code, stdout, stderr } = await tunnelClientEnd([
    "permissions",
    `--profile-file=${folder.file("profile.yaml")}`,
    "--control-plane.api-key=file:/run/credentials/tunnel-client.service/api-key",
    "--health.url-file=/run/tunnel-client/health.url",
    "--format=systemd",
  ]);
  assert.equal(code, 0, stderr);
  await Deno.mkdir(`${path}.d`);
  await Deno.writeTextFile(`${path}.d/10-permissions.conf`, stdout);
  return path;
}

async function analyze(...args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("systemd-analyze", { args: [...args] }).output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert.ok(success, text);
  return text;
}

systemdTest("systemd-analyze verify finds nothing to say about unit and drop-in", async () => {
  await using folder = new Folder();
  assert.equal(await analyze("verify", "--man=no", await unitFolder(folder)), "");
});

systemdTest(`systemd-analyze security rates unit and drop-in at ${EXPOSURE_LIMIT} or better`, async () => {
  await using folder = new Folder();
  const text = await analyze("security", "--offline=true", "--no-pager", await unitFolder(folder));
  const exposure = Number(/Overall exposure level[^:]*: ([\d.]+)/.exec(text)?.[1]);
  assert.ok(exposure <= EXPOSURE_LIMIT, `${exposure}`);
  assert.match(text, /IPAddressDeny=[^\n]*\S/);
});

const CAN_FILTER = HAS_SYSTEMD && await canFilter();
Deno.test({
  name: `the program serves under the unit's SystemCallFilter${
    CAN_FILTER ? "" : " (not possible on this machine)"
  }`,
  ignore: !CAN_FILTER,
  async fn() {
    await using folder = new Folder();
    await using relay = await TestRelay.start();
    await using place = new Place("files", folder, relay);
    await place.write();
    const unit = unitSettings(await sample("systemd/tunnel-client.service"));
    const filter = folder.file("filter.bpf");
    await Deno.writeFile(filter, await seccompFilter(unit.get("Service.SystemCallFilter")!));
    const script =
      'exec 9<"$1"; shift; exec bwrap --bind / / --dev /dev --proc /proc --die-with-parent --seccomp 9 "$@"';
    const under = (words: readonly string[]) => ["/bin/sh", "-c", script, "sh", filter, "--", ...words];
    await using forbidden = new Program(under(["chown", "0", filter]));
    assert.match((await forbidden.ended()).stderr, /not permitted/, "the filter is in force");
    const words = [...tunnelClientWords(), "run", `--profile-file=${place.path}`];
    await using program = new Program(under(words), { env: place.env });
    const pid = await program.until("the PID file", async () => await folder.read("agent.pid"));
    await relay.polled();
    const answer = await call(relay.mcpUrl, 1, "tools/call", { a: 1 });
    assert.equal(answer.error, undefined);
    Deno.kill(Number(pid), "SIGTERM");
    const { code, stderr } = await program.ended();
    assert.equal(code, 0, stderr);
  },
});

// Docker

Deno.test("the Dockerfile builds in two stages, runs as nobody, and its commands are ours", async () => {
  const text = await sample("docker/Dockerfile");
  const all = instructions(text);
  const stages = all.filter(({ name }) => name === "FROM");
  assert.equal(stages.length, 2);
  for (const { text: image } of stages) {
    assert.match(image, /^\S+:(?!latest\b)\S+/, "a version for every image");
  }
  const last = all.slice(all.lastIndexOf(stages[1]!));
  const only = (name: string) => {
    const found = last.filter((each) => each.name === name);
    assert.equal(found.length, 1, name);
    return found[0]!.text;
  };
  assert.equal(only("USER"), "65532:65532");
  assert.ok(!last.some(({ name }) => name === "ADD" || name === "RUN"), "the last stage only copies");
  for (const { text: copied } of all.filter(({ name }) => name === "COPY")) {
    const sources = copied.split(" ").filter((word) => !word.startsWith("--")).slice(0, -1);
    if (copied.includes("--from=build")) continue;
    for (const source of sources) await Deno.stat(new URL(`../../${source}`, import.meta.url));
  }
  assert.ok(
    !all.some(({ name, text }) => /^(?:ENV|ARG)$/.test(name) && /KEY|TOKEN|SECRET/.test(text)),
    "no secret in a layer",
  );
  const env = Object.fromEntries(
    [...only("ENV").matchAll(/(\w+)="([^"]*)"/g)].map(([, name = "", value = ""]) => [name, value]),
  );
  const entry: string[] = JSON.parse(only("ENTRYPOINT"));
  const config = await configOf(JSON.parse(only("CMD")), {
    ...env,
    CONTROL_PLANE_API_KEY: "key",
    CONTROL_PLANE_TUNNEL_ID: `tunnel_${"0".repeat(32)}`,
    MCP_SERVER_URL: "http://mcp:3000/mcp",
  });
  assert.equal(portOf(config), Number(only("EXPOSE")));
  const [program, ...words]: string[] = JSON.parse(/CMD (\[.*\])$/.exec(only("HEALTHCHECK"))![1]!);
  assert.equal(program, entry[0]);
  await assertHealthCommand(words, portOf(config));
  const build = all.find(({ name, text }) => name === "RUN" && text.includes("deno task compile"));
  const tasks: Manifest = JSON.parse(await Deno.readTextFile(new URL("../../deno.json", import.meta.url)));
  assert.ok(build !== undefined && tasks.tasks.compile !== undefined);
});

Deno.test("the compose file gives the key as a file and time enough to stop", async () => {
  const [{ services, secrets }]: Manifest[] = await documents("docker/compose.yaml");
  const service = services["tunnel-client"];
  const [secret] = service.secrets;
  assert.ok(secrets[secret].file);
  const config = await configOf(service.command, {
    ...service.environment,
    CONTROL_PLANE_TUNNEL_ID: `tunnel_${"0".repeat(32)}`,
    MCP_SERVER_URL: "http://mcp:3000/mcp",
  }, { [`/run/secrets/${secret}`]: "key" });
  assert.equal(config.controlPlane.apiKey, "key");
  assert.ok(seconds(service.stop_grace_period) >= config.drainTimeoutMs / 1000 + MARGIN_S);
  assert.equal(service.read_only, true);
  assert.deepEqual(service.cap_drop, ["ALL"]);
  assert.equal(service.user, "65532:65532");
  assert.equal(service.ports[0], `127.0.0.1:${portOf(config)}:${portOf(config)}`);
  const [kind, program, ...words] = service.healthcheck.test;
  assert.deepEqual([kind, program], ["CMD", "/usr/local/bin/tunnel-client"]);
  await assertHealthCommand(words, portOf(config));
});

// Kubernetes

const KINDS: Readonly<Record<string, new (data: Manifest) => { validate(): void }>> = {
  ConfigMap,
  Deployment,
  NetworkPolicy,
  PodDisruptionBudget,
};
const MANIFESTS = ["kubernetes/sidecar.yaml", "kubernetes/deployment.yaml", "kubernetes/networkpolicy.yaml"];

Deno.test("every manifest keeps to the schema of its kind", async () => {
  const seen = new Set<string>();
  for (const path of MANIFESTS) {
    for (const manifest of await documents(path)) {
      const Kind = KINDS[manifest.kind];
      assert.ok(Kind !== undefined, manifest.kind);
      new Kind(manifest).validate();
      seen.add(manifest.kind);
    }
  }
  assert.deepEqual([...seen].sort(), Object.keys(KINDS).sort());
  const { spec, ...rest } = (await documents("kubernetes/sidecar.yaml"))[0];
  assert.throws(() => new Deployment({ ...rest, spec: { ...spec, replicas: "one" } }).validate(), /replicas/);
});

/** Our container of a Deployment, what `run` makes of it, and its pod. */
async function deployed(path: string) {
  const all = await documents(path);
  const deployment = all.find(({ kind }) => kind === "Deployment");
  const pod = deployment.spec.template.spec;
  const container = pod.containers.find(({ name }: Manifest) => name === "tunnel-client");
  const env: Record<string, string> = {};
  for (const { name, value, valueFrom } of container.env ?? []) {
    env[name] = value ?? (valueFrom.secretKeyRef.name === "tunnel-client" ? "key" : "");
  }
  const files: Record<string, string> = {};
  for (const { name, mountPath } of container.volumeMounts ?? []) {
    const volume = pod.volumes.find((each: Manifest) => each.name === name);
    const map = all.find(({ kind, metadata }) =>
      kind === "ConfigMap" && metadata.name === volume.configMap?.name
    );
    for (const [file, text] of Object.entries(map?.data ?? {})) {
      files[`${mountPath}/${file}`] = text as string;
    }
    if (volume.secret !== undefined) files[`${mountPath}/api-key`] = "key\n";
  }
  return { deployment, pod, container, config: await configOf(container.args, env, files) };
}

for (const path of ["kubernetes/sidecar.yaml", "kubernetes/deployment.yaml"]) {
  Deno.test(`${path}: command, key, ports, probes and grace period fit together`, async () => {
    const { deployment, pod, container, config } = await deployed(path);
    assert.equal(config.controlPlane.apiKey, "key");
    assert.match(config.health.listenAddr, /^:\d+$/, "a probe comes from outside the pod");
    assert.ok(pod.terminationGracePeriodSeconds >= config.drainTimeoutMs / 1000 + MARGIN_S);
    const [port] = container.ports;
    assert.equal(port.containerPort, portOf(config));
    const probes = [container.startupProbe, container.livenessProbe, container.readinessProbe];
    assert.deepEqual(probes.map(({ httpGet }) => httpGet.path), ["/healthz", "/healthz", "/readyz"]);
    for (const { httpGet } of probes) assert.equal(httpGet.port, port.name);
    const { runAsUser, runAsNonRoot, readOnlyRootFilesystem, allowPrivilegeEscalation } =
      container.securityContext;
    assert.deepEqual([runAsUser, runAsNonRoot, readOnlyRootFilesystem, allowPrivilegeEscalation], [
      65532,
      true,
      true,
      false,
    ]);
    assert.equal(pod.automountServiceAccountToken, false);
    assert.deepEqual(deployment.spec.selector.matchLabels, deployment.spec.template.metadata.labels);
    assert.equal(config.log.format, "json");
  });
}

Deno.test("the Deployment's profile is the one that lies beside it, and its disruption budget selects its pods", async () => {
  const all = await documents("kubernetes/deployment.yaml");
  const [profile] = await documents("kubernetes/profile.yaml");
  const { parse } = await import("yaml");
  assert.deepEqual(parse(all[0].data["profile.yaml"]), profile);
  const { deployment } = await deployed("kubernetes/deployment.yaml");
  const budget = all.find(({ kind }) => kind === "PodDisruptionBudget");
  assert.deepEqual(budget.spec.selector, deployment.spec.selector);
  assert.ok(deployment.spec.replicas > budget.spec.maxUnavailable);
});

Deno.test("the network policy allows what permissions says of the profile, and the name servers", async () => {
  const { code, stdout, stderr } = await tunnelClientEnd([
    "permissions",
    `--profile-file=${new URL("../../samples/kubernetes/profile.yaml", import.meta.url).pathname}`,
    "--json",
  ]);
  assert.equal(code, 0, stderr);
  const { agent, process } = JSON.parse(stdout);
  const [{ spec }]: Manifest[] = await documents("kubernetes/networkpolicy.yaml");
  const portsOf = (rules: Manifest[]) =>
    rules.flatMap(({ ports }) => ports.map(({ port }: Manifest) => port as number));
  const wanted = agent.net.map((peer: string) => Number(peer.split(":").at(-1)));
  assert.deepEqual([...new Set(portsOf(spec.egress))].sort(), [53, ...wanted].sort());
  const listening = process.net.filter((peer: string) => !agent.net.includes(peer));
  assert.deepEqual(
    [...new Set(listening.map((peer: string) => Number(peer.split(":").at(-1))))],
    portsOf(spec.ingress),
  );
  const text = await sample("kubernetes/networkpolicy.yaml");
  for (const peer of agent.net) assert.ok(text.includes(`net ${peer}`), `${peer} is explained`);
  const { deployment } = await deployed("kubernetes/deployment.yaml");
  assert.deepEqual(spec.podSelector, deployment.spec.selector);
  assert.deepEqual(spec.policyTypes, ["Ingress", "Egress"]);
});
