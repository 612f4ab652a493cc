/** `tunnel-client run` as a child process, ready to be asked. */
import { MARK_VARIABLE } from "./e2e_processes.ts";
import { Folder } from "./e2e_folder.ts";
import { type ProgramEnd, tunnelClient } from "./e2e_program.ts";
import type { Program } from "./e2e_program.ts";
import { type TestRelay, TUNNEL_ID } from "./e2e_relay.ts";

export const API_KEY = "e2e-agent-key";

export interface AgentOptions {
  readonly controlPlaneUrl: string;
  /** Flags beside those for control plane, health listener, files and log. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly logLevel?: "debug" | "info";
  /** Path of a file that says everything but the health URL file, the PID file and the log's format; nothing else is set. */
  readonly profile?: string;
}

/** One line of the agent's JSON log. */
export type LogLine = { readonly msg: string; readonly level: string } & Readonly<Record<string, unknown>>;

/** A running agent whose log is JSON on standard output. */
export class AgentProgram implements AsyncDisposable {
  readonly program: Program;
  readonly folder = new Folder();
  /** Marks every process that inherits the environment of this agent. */
  readonly mark = `e2e-${crypto.randomUUID()}`;
  #healthUrl = "";

  private constructor({ controlPlaneUrl, args, env = {}, logLevel = "info", profile }: AgentOptions) {
    const settings = profile === undefined
      ? [
        `--control-plane.base-url=${controlPlaneUrl}`,
        `--control-plane.tunnel-id=${TUNNEL_ID}`,
        "--health.listen-addr=127.0.0.1:0",
        `--log.level=${logLevel}`,
      ]
      : [`--config=${profile}`];
    this.program = tunnelClient([
      "run",
      ...settings,
      `--health.url-file=${this.folder.file("health.url")}`,
      `--pid.file=${this.folder.file("agent.pid")}`,
      "--log.format=json",
      ...args,
    ], {
      env: {
        ...(profile === undefined ? { CONTROL_PLANE_API_KEY: API_KEY } : {}),
        [MARK_VARIABLE]: this.mark,
        ...env,
      },
    });
  }

  /** Starts one and waits until its listener answers. */
  static async listening(options: AgentOptions): Promise<AgentProgram> {
    const agent = new AgentProgram(options);
    try {
      const { program, folder } = agent;
      agent.#healthUrl = await program.until("health URL file", () => folder.read("health.url"));
      return agent;
    } catch (error) {
      await agent[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Starts one for a relay of the test and waits until it is ready and has polled. */
  static async serving(
    relay: TestRelay,
    options: Omit<AgentOptions, "controlPlaneUrl">,
  ): Promise<AgentProgram> {
    const agent = await AgentProgram.listening({ ...options, controlPlaneUrl: relay.url });
    try {
      await agent.untilReadyz(200, /^ready/);
      await relay.polled();
      return agent;
    } catch (error) {
      await agent[Symbol.asyncDispose]();
      throw error;
    }
  }

  get healthUrl(): string {
    return this.#healthUrl;
  }

  /** Status and body of a path of the listener. */
  async get(path: string): Promise<{ readonly status: number; readonly body: string }> {
    const response = await fetch(this.#healthUrl + path);
    return { status: response.status, body: await response.text() };
  }

  /** Waits for a word of `/readyz`. */
  async untilReadyz(status: number, body: RegExp, limitMs?: number): Promise<string> {
    return await this.program.until(`/readyz ${status} ${body}`, async () => {
      const answer = await this.get("/readyz");
      return answer.status === status && body.test(answer.body) && answer.body;
    }, limitMs);
  }

  /** Lines of the log with this event, so far. */
  events(event: string): LogLine[] {
    return this.log().filter(({ msg }) => msg === event);
  }

  /** The whole log so far. */
  log(): LogLine[] {
    const { stdout } = this.program;
    const whole = stdout.slice(0, stdout.lastIndexOf("\n") + 1);
    return whole.split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
  }

  /** The first line with this event. */
  async untilEvent(event: string): Promise<LogLine> {
    return await this.program.until(`event "${event}"`, () => this.events(event)[0]);
  }

  /** Value of a counter or gauge without labels, or the sum over its series. */
  async metric(name: string): Promise<number> {
    const { body } = await this.get("/metrics");
    const pattern = new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, "gm");
    return [...body.matchAll(pattern)].reduce((sum, match) => sum + Number(match[1]), 0);
  }

  /** Asks for a stop and waits for the end. */
  async stopped(limitMs?: number): Promise<ProgramEnd> {
    return await this.program.stopped(limitMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]();
    await this.folder[Symbol.asyncDispose]();
  }
}
