/** Profiles of every kind whose rights a test wants to know to be enough, and one call through each. */
import assert from "node:assert/strict";
import { type CountingProxy, startProxy } from "./net_proxies.ts";
import type { Folder } from "./e2e_folder.ts";
import { call } from "./e2e_json_rpc.ts";
import type { Program } from "./e2e_program.ts";
import { API_KEY } from "./e2e_agent.ts";
import type { TestRelay } from "./e2e_relay.ts";
import { Target } from "./e2e_target.ts";
import { shakeHands } from "./stdio_handshake.ts";

const CHILD = new URL("./stdio_child.ts", import.meta.url).pathname;

/** What a profile binds `main` to, and what else it sets. */
export type ProfileKind = "http" | "stdio" | "files" | "proxy" | "sockets" | "inherit";

export const PROFILE_KINDS: readonly ProfileKind[] = [
  "http",
  "stdio",
  "files",
  "proxy",
  "sockets",
  "inherit",
];

/** A profile file, and what it talks to. */
export class Place implements AsyncDisposable {
  readonly #target = new Target();
  readonly #proxy: CountingProxy = startProxy();
  readonly #socket: Deno.HttpServer<Deno.UnixAddr>;

  constructor(
    readonly kind: ProfileKind,
    private readonly folder: Folder,
    private readonly relay: TestRelay,
  ) {
    const path = folder.file("target.sock");
    // As the target answers over TCP, so over its socket.
    this.#socket = Deno.serve({ path, onListen: () => {} }, async (request) => {
      const { pathname } = new URL(request.url);
      const body = request.method === "POST" ? await request.text() : undefined;
      return await fetch(`http://127.0.0.1:${this.#target.port}${pathname}`, {
        method: request.method,
        headers: [...request.headers].filter(([name]) => name === "content-type" || name === "accept"),
        body: body ?? null,
      });
    });
  }

  get path(): string {
    return this.folder.file("profile.yaml");
  }

  /** Requests that have come through the proxy. */
  get proxied(): number {
    return this.#proxy.forwarded.length + this.#proxy.tunnels.length;
  }

  async write(): Promise<void> {
    const { relay, folder, kind } = this;
    await Deno.writeTextFile(folder.file("key"), API_KEY);
    const child = [Deno.execPath(), "run", "-A", "--no-check", "--quiet", CHILD, "plain"].join(" ");
    const stdio = (more: string) =>
      `mcp:\n  commands:\n    - channel: main\n      command: ${JSON.stringify(child)}\n${more}`;
    const http = (more = "") =>
      `mcp:\n  server_urls:\n    - channel: main\n      url: "http://127.0.0.1:${this.#target.port}/mcp"\n${more}`;
    const mcp: Record<ProfileKind, string> = {
      http: http(),
      files: http(),
      proxy: http(),
      stdio: stdio("      env:\n        GREETING: env:TEST_GREETING\n"),
      inherit: stdio("      inherit_env: true\n"),
      sockets: http(`      unix_socket: ${JSON.stringify(folder.file("target.sock"))}\n`),
    };
    const health = kind === "sockets"
      ? `health:\n  unix_socket: ${JSON.stringify(folder.file("health.sock"))}\n`
      : `health:\n  listen_addr: "127.0.0.1:0"\n  url_file: ${JSON.stringify(folder.file("health.url"))}\n`;
    const log = kind === "files"
      ? `  file: ${JSON.stringify(folder.file("agent.log"))}\nprocess:\n  pid_file: ${
        JSON.stringify(folder.file("agent.pid"))
      }\n`
      : "";
    const proxy = kind === "proxy" ? `  http_proxy: "${this.#proxy.url}"\n` : "";
    const key = kind === "files" ? `file:${folder.file("key")}` : "env:TEST_TUNNEL_KEY";
    await Deno.writeTextFile(
      this.path,
      `control_plane:\n  base_url: "${relay.url}"\n  tunnel_id: ${relay.tunnelId}\n  api_key: ${
        JSON.stringify(key)
      }\n` +
        `${proxy}${mcp[kind]}${health}log:\n  format: json\n${log}`,
    );
  }

  /** Environment that the profile refers to. */
  get env(): Readonly<Record<string, string>> {
    return this.kind === "files" ? {} : { TEST_TUNNEL_KEY: API_KEY, TEST_GREETING: "hello" };
  }

  /** One call through the tunnel to the target and back, and the stop; whatever the kind promises is looked at. */
  async serves(program: Program): Promise<void> {
    const { relay, folder, kind } = this;
    let polled = false;
    void relay.relay.firstPollSeen(relay.tunnelId).then(() => polled = true, () => {});
    await program.until("the first poll", () => polled);
    const isChild = kind === "stdio" || kind === "inherit";
    if (isChild) await shakeHands(relay.mcpUrl);
    const answer = await call(relay.mcpUrl, 1, isChild ? "echo" : "tools/call", { a: 1 });
    assert.equal(answer.error, undefined);
    if (isChild) assert.deepEqual(answer.result, { a: 1 });
    else assert.equal(this.#target.arrivals.length, 1);
    if (kind === "files") {
      assert.match(await folder.read("agent.log") ?? "", /"msg":"agent permissions"/);
      assert.equal(await folder.read("agent.pid"), `${program.pid}\n`);
    }
    if (kind === "proxy") assert.ok(this.proxied > 0, "nothing came through the proxy");
    if (kind === "sockets") {
      const client = Deno.createHttpClient({
        proxy: { transport: "unix", path: folder.file("health.sock") },
      });
      const response = await fetch("http://localhost/healthz", { client });
      assert.equal(await response.text(), "live");
      client.close();
    }
    const { code, stderr } = await program.stopped();
    assert.equal(code, 0, stderr);
    assert.ok(!(await folder.exists("health.url")) && !(await folder.exists("agent.pid")));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#socket.shutdown();
    await this.#proxy[Symbol.asyncDispose]();
    await this.#target[Symbol.asyncDispose]();
  }
}
