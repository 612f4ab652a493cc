/**
 * The real agent thread with an intruder in it: becomes the agent as `agent_worker.ts` does, and once it is told to start
 * tries everything that an intruder would. What came of each try goes to main as a log record.
 */
import "../../src/sandbox/agent_worker.ts";
import type { FromAgent, ToAgent } from "../../src/sandbox/messages.ts";

/** Where to try; handed over as the name of the profile. */
export interface AttackPlan {
  /** A server that the profile does not name. */
  readonly other: string;
  /** Path of the target that redirects to it. */
  readonly redirecting: string;
  readonly operator: string;
  readonly files: readonly string[];
  readonly folder: string;
  readonly program: string;
}

type Attack = readonly [name: string, run: () => unknown];

const later = (text: string) => text; // keeps the runtime from looking at import() before it runs

function attacks({ other, redirecting, operator, files, folder, program }: AttackPlan): readonly Attack[] {
  const { hostname, port } = new URL(other);
  const address = { hostname, port: Number(port) };
  return [
    ["fetch to another port of an allowed host", () => fetch(other)],
    ["fetch to another host", () => fetch("http://192.0.2.1/")],
    ["fetch to an allowed address by another name", () => fetch(other.replace("127.0.0.1", "localhost"))],
    ["fetch to the metadata address", () => fetch("http://169.254.169.254/latest/meta-data/")],
    ["fetch to the operator's listener", () => fetch(`${operator}/metrics`)],
    ["following a redirect out", () => fetch(redirecting)],
    ["a connection", () => Deno.connect(address)],
    ["a connection by node:net", () => nodeConnect(address)],
    ["a listener", () => Deno.listen({ hostname: "127.0.0.1", port: 0 })],
    ["a look into the DNS", () => Deno.resolveDns("example.com", "A")],
    ...files.flatMap((path): Attack[] => [
      [`reading ${path}`, () => Deno.readTextFile(path)],
      [`reading ${path} by node:fs`, async () => (await import("node:fs")).readFileSync(path)],
    ]),
    ["writing a file", () => Deno.writeTextFile(`${folder}/planted`, "x")],
    ["writing by node:fs", async () => (await import("node:fs")).writeFileSync(`${folder}/planted`, "x")],
    ["listing a folder", () => [...Deno.readDirSync(folder)]],
    ["making a temporary file", () => Deno.makeTempFile()],
    ["spawning another command", () => new Deno.Command(program).output()],
    [
      "spawning by node:child_process",
      async () => (await import("node:child_process")).execFileSync(program),
    ],
    ["killing a process", () => Deno.kill(1, "SIGTERM")],
    ["reading a variable", () => Deno.env.get("CONTROL_PLANE_API_KEY")],
    ["reading the environment", () => Deno.env.toObject()],
    ["the host's name", () => Deno.hostname()],
    ["loading a library", () => Deno.dlopen("libc.so.6", {})],
    ["a second Worker with more rights", () => worker({ net: true })],
    ["a second Worker with another host", () => worker({ net: ["192.0.2.1:80"] })],
    ["dynamic import of remote code", () => import(later(`${other}/code.ts`))],
    ["dynamic import of a local file", () => import(later(`file://${folder}/code.ts`))],
    ["asking for the right", () => asked("net")],
    ["asking for the right to start programs", () => asked("run")],
  ];
}

function worker(permissions: Deno.PermissionOptionsObject): void {
  new Worker("data:text/javascript,", { type: "module", deno: { permissions } }).terminate();
}

async function asked(name: "net" | "run"): Promise<void> {
  const { state } = await Deno.permissions.request({ name });
  if (state !== "granted") throw new Deno.errors.PermissionDenied(state);
}

async function nodeConnect(address: { readonly hostname: string; readonly port: number }): Promise<void> {
  const { connect } = await import("node:net");
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  connect(address.port, address.hostname).on("error", reject).on("connect", () => resolve());
  await promise;
}

async function outcomeOf(run: () => unknown): Promise<string> {
  try {
    await run();
    return "DONE";
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
}

const scope = globalThis as unknown as {
  addEventListener(type: "message", listener: (event: MessageEvent<{ port: MessagePort }>) => void): void;
};

scope.addEventListener("message", ({ data: { port } }) => {
  const tell = (name: string, outcome: string) =>
    port.postMessage(
      {
        type: "report",
        records: [{ timeMs: 0, level: "info", event: "attack", fields: { name, outcome } }],
        entries: [],
        status: undefined,
      } satisfies FromAgent,
    );
  port.addEventListener("message", async ({ data }: MessageEvent<ToAgent>) => {
    if (data.type !== "start") return;
    for (const [name, run] of attacks(JSON.parse(data.start.config.source.profile))) {
      tell(name, await outcomeOf(run));
    }
    tell("end", "");
  });
});
