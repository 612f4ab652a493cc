/** An agent whose whole configuration is in a file that the test rewrites while calls run through it. */
import assert from "node:assert/strict";
import { AgentProgram, type LogLine } from "./e2e_agent.ts";
import { Folder } from "./e2e_folder.ts";
import { call } from "./e2e_json_rpc.ts";
import { assertNothingLost, type TestRelay, TUNNEL_ID } from "./e2e_relay.ts";
import { eventually } from "./e2e_wait.ts";

export const API_KEY = "e2e-agent-key";
const RELOADED = "configuration reloaded";
const REFUSED = "configuration cannot be used; what was in force before stays so";

/** A profile as the file holds it; JSON is YAML. */
export interface Profile {
  readonly [group: string]: unknown;
}

/** A running agent and its file. */
export class ReloadingAgent implements AsyncDisposable {
  private constructor(
    readonly agent: AgentProgram,
    readonly folder: Folder,
    private profile: Profile,
    private readonly relay: TestRelay,
  ) {}

  /** Starts one and waits until it is ready. */
  static async serving(relay: TestRelay, profile: Profile, apiKey = API_KEY): Promise<ReloadingAgent> {
    const agent = await ReloadingAgent.listening(relay, profile, apiKey);
    await agent.agent.untilReadyz(200, /^ready/);
    return agent;
  }

  /** Starts one and waits until its listener answers. */
  static async listening(relay: TestRelay, profile: Profile, apiKey = API_KEY): Promise<ReloadingAgent> {
    const folder = new Folder();
    Deno.writeTextFileSync(folder.file("key"), `${apiKey}\n`);
    const whole = merged({
      config_version: 1,
      control_plane: {
        base_url: relay.url,
        tunnel_id: TUNNEL_ID,
        api_key: `file:${folder.file("key")}`,
        poll_timeout: "2s",
      },
      health: { listen_addr: "127.0.0.1:0" },
    }, profile);
    Deno.writeTextFileSync(folder.file("profile.yaml"), JSON.stringify(whole));
    try {
      const agent = await AgentProgram.listening({
        controlPlaneUrl: relay.url,
        args: [],
        profile: folder.file("profile.yaml"),
      });
      return new ReloadingAgent(agent, folder, whole, relay);
    } catch (error) {
      await folder[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Puts changes into the file, as editors do: by another file in its place. */
  write(changes: Profile | string): void {
    if (typeof changes !== "string") this.profile = merged(this.profile, changes);
    const text = typeof changes === "string" ? changes : JSON.stringify(this.profile);
    Deno.writeTextFileSync(this.folder.file("next"), text);
    Deno.renameSync(this.folder.file("next"), this.folder.file("profile.yaml"));
  }

  /** Writes the changes, sends SIGHUP and waits for the end of the reload. */
  async change(changes: Profile | string): Promise<LogLine> {
    const before = this.reloads().length;
    this.write(changes);
    this.agent.program.signal("SIGHUP");
    return await this.reload(before);
  }

  /** The end of the reload after so many. */
  async reload(before: number): Promise<LogLine> {
    return await this.agent.program.until("end of a reload", () => this.reloads()[before]);
  }

  /** Ends of reloads so far. */
  reloads(): LogLine[] {
    return this.agent.log().filter(({ msg }) => msg === RELOADED || msg === REFUSED);
  }

  /** Settings that were said to differ, with what was said of them. */
  differences(): string[] {
    return this.agent.events("setting differs").map(({ setting, from, to, change, effect }) =>
      `${setting}: ${change ?? `${from} → ${to}`} (${effect})`
    );
  }

  /** Stops the agent; whatever it was given must have been answered, by its own word and the relay's. */
  async stopWithoutLoss(): Promise<void> {
    const { code, stderr } = await this.agent.stopped();
    assert.equal(code, 0, stderr);
    const [end] = this.agent.events("tunnel-client stopped");
    assert.ok(end);
    const outcomes = ["answered", "acknowledged", "failed_answered", "expired", "undeliverable"];
    const sum = outcomes.reduce((total, outcome) => total + Number(end[outcome]), 0);
    assert.equal(sum, end.received);
    assert.equal(end.undeliverable, 0);
    assert.equal(end.received, this.relay.counts.delivered - this.relay.counts.requeued);
    assertNothingLost(this.relay.counts);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.agent[Symbol.asyncDispose]();
    await this.folder[Symbol.asyncDispose]();
  }
}

/** Connectors that call without a pause. */
export class Load implements AsyncDisposable {
  answered = 0;
  readonly failures: string[] = [];
  #ended = false;
  readonly #callers: Promise<void>[];

  constructor(url: string, callers = 6) {
    this.#callers = Array.from({ length: callers }, (_, index) => this.#callOn(url, index));
  }

  /** Waits until so many more calls have been answered. */
  async more(count: number): Promise<void> {
    const from = this.answered;
    await eventually(`${count} more calls`, () => this.answered >= from + count || this.failures.length > 0);
    assert.deepEqual(this.failures, []);
  }

  /** Ends it; every call must have been answered with a result. */
  async end(): Promise<void> {
    this.#ended = true;
    await Promise.all(this.#callers);
    assert.deepEqual(this.failures, []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    await Promise.all(this.#callers);
  }

  async #callOn(url: string, index: number): Promise<void> {
    for (let number = 0; !this.#ended && this.failures.length === 0; number++) {
      const id = `${index}-${number}`;
      try {
        const answer = await call(url, id, "tools/call", { name: "work" });
        if (answer.status === 200 && answer.id === id && answer.error === undefined) this.answered++;
        else this.failures.push(JSON.stringify(answer));
      } catch (error) {
        this.failures.push(String(error));
      }
    }
  }
}

function merged(below: Profile, above: Profile): Profile {
  const all: Record<string, unknown> = { ...below };
  for (const [key, value] of Object.entries(above)) {
    all[key] = isGroup(value) && isGroup(all[key]) ? merged(all[key], value) : value;
  }
  return all;
}

function isGroup(value: unknown): value is Profile {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
