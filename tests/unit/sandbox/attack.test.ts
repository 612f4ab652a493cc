/** Proof by attack: what an intruder in the agent's thread can do (issue 6 §2). Runs the real thread with the real rights. */
import assert from "node:assert/strict";
import type { AttackPlan } from "../../support/sandbox_attacker.ts";
import { Folder } from "../../support/e2e_folder.ts";
import { refusalOf } from "../../../src/sandbox/refusals.ts";

const DRIVER = new URL("../../support/sandbox_attack_driver.ts", import.meta.url).href;
const CONFIG = new URL("../../../deno.json", import.meta.url).pathname;

interface Tried {
  readonly name: string;
  readonly outcome: string;
}

/** A server that notes who comes. */
class Server implements AsyncDisposable {
  readonly paths: string[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(answer: (path: string) => Response = () => new Response("")) {
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
      const { pathname } = new URL(request.url);
      this.paths.push(pathname);
      return answer(pathname);
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

Deno.test("an intruder in the agent's thread is refused everything, and each refusal is counted [issue 6 §2]", async () => {
  await using folder = new Folder();
  const [profile, key] = [folder.file("profile.yaml"), folder.file("key")];
  for (const path of [profile, key, folder.file("code.ts")]) await Deno.writeTextFile(path, "export {};\n");
  await using other = new Server();
  await using controlPlane = new Server(() => new Response(null, { status: 204 }));
  await using target = new Server((path) =>
    path === "/redirect"
      ? new Response(null, { status: 302, headers: { location: other.url } })
      : new Response(null, { status: 401 })
  );
  const plan: AttackPlan = {
    other: other.url,
    redirecting: `${target.url}/redirect`,
    operator: "http://127.0.0.1:8080",
    files: ["/etc/passwd", profile, key],
    folder: folder.path,
    program: "/bin/true",
  };
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--allow-all",
      "--no-check",
      "--no-lock",
      `--config=${CONFIG}`,
      DRIVER,
      controlPlane.url,
      `${target.url}/mcp`,
      JSON.stringify(plan),
    ],
    env: { CONTROL_PLANE_API_KEY: "key" },
    stdin: "null",
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  const lines = new TextDecoder().decode(stdout).trim().split("\n").map((line) => JSON.parse(line));
  // deno-lint-ignore no-explicit-any -- what an event carries is known where it is looked at
  const valuesOf = (name: string): any[] =>
    lines.filter(({ event }) => event === name).map(({ value }) => value);

  const tried: Tried[] = valuesOf("attack");
  assert.equal(valuesOf("crashed").length, 0);
  assert.ok(tried.length >= 30, `${tried.length} attacks`);
  for (const { name, outcome } of tried) {
    // Deno 2.7 tells node:net no more than this, of a server that takes everybody.
    if (name.endsWith("node:net") && outcome.startsWith("Error: connect ECONNREFUSED")) continue;
    assert.match(
      outcome,
      /^(?:NotCapable|PermissionDenied|TypeError: Requires (?:import|read) access)/,
      name,
    );
  }
  assert.deepEqual(other.paths, [], "nobody came to the other server");
  assert.ok(target.paths.includes("/redirect"));
  assert.ok(!await folder.exists("planted"));

  const counted: { labels: { kind: string }; value: number }[] = valuesOf("counted").flat();
  const count = (kind: string) => counted.find(({ labels }) => labels.kind === kind)?.value ?? 0;
  const refused = (pattern: RegExp) => tried.filter(({ outcome }) => pattern.test(outcome)).length;
  for (const kind of ["net", "read", "write", "run", "env", "sys", "ffi"]) {
    const expected = refused(new RegExp(`^NotCapable: Requires ${kind} access`));
    assert.ok(expected > 0, kind);
    assert.ok(count(kind) >= expected, `${kind}: ${count(kind)} of ${expected}`);
  }
  assert.equal(count("thread"), 2);
  const logged: { kind: string; resource: string }[] = valuesOf("logged");
  assert.ok(logged.some(({ kind, resource }) => kind === "net" && resource === "169.254.169.254:80"));
  assert.ok(logged.some(({ kind, resource }) => kind === "read" && resource === "/etc/passwd"));
  assert.ok(!JSON.stringify(logged).includes("meta-data"), "a URL's path is not logged");

  const main: Tried[] = valuesOf("main");
  assert.equal(main.length, 6);
  for (const { name, outcome } of main) assert.match(outcome, /^NotCapable/, `main: ${name}`);
});

Deno.test("refusalOf() takes the runtime's words apart and tells no URL", () => {
  const message = (kind: string, resource: string) =>
    `Requires ${kind} access to ${resource}, run again with the --allow-${kind} flag`;
  assert.deepEqual(refusalOf(message("net", '"169.254.169.254:80"')), {
    kind: "net",
    resource: "169.254.169.254:80",
  });
  assert.deepEqual(refusalOf(message("read", '"/etc/passwd"')), { kind: "read", resource: "/etc/passwd" });
  assert.deepEqual(refusalOf("Requires env access, run again with the --allow-env flag"), {
    kind: "env",
    resource: "",
  });
  assert.deepEqual(refusalOf(message("import", '"https://a.example/x?token=1"')), {
    kind: "import",
    resource: "a.example",
  });
  assert.deepEqual(refusalOf("Can't escalate parent thread permissions"), { kind: "thread", resource: "" });
  assert.deepEqual(refusalOf("something new"), { kind: "other", resource: "" });
});
