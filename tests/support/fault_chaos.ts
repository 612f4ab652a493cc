/**
 * Thousands of commands through the real program while the control plane, an HTTP target and a stdio server misbehave at
 * one request in seven, then SIGTERM under load. Which request meets which fault depends on the seed alone, so that a run
 * can be repeated; only the order in which things meet on the way is the machine's.
 */
import assert from "node:assert/strict";
import { AgentProgram } from "./e2e_agent.ts";
import { TARGET_FAULTS } from "./fault_answers.ts";
import { FaultControlPlane, type Order, type OrderParts, servePoll } from "./fault_control_plane.ts";
import { POLL_FAULTS } from "./fault_polls.ts";
import { POST_FAULTS } from "./fault_posts.ts";
import { checkEnd } from "./fault_run.ts";
import { FaultStdio } from "./fault_stdio.ts";
import { FaultTarget, RESUMED_FAULT } from "./fault_target.ts";

export interface ChaosOptions {
  /** Commands to be answered before the stop. */
  readonly commands: number;
  readonly seed: number;
  /** Hears how far it is, now and then. */
  readonly onProgress?: (line: string) => void;
}

export interface ChaosReport {
  readonly delivered: number;
  readonly answered: number;
  /** Had a deadline, which passed. */
  readonly expired: number;
  /** Answered with a result, an acknowledgement or the target's own error. */
  readonly good: number;
  /** Without a fault of their own, and answered with an error because of another's. */
  readonly harmed: number;
  readonly polls: number;
  readonly posts: number;
  /** Polls, posts and calls that met a fault, and how many different ones. */
  readonly faults: number;
  readonly differentFaults: number;
  readonly serverDeaths: number;
  /** Polls that brought commands which the agent had already. */
  readonly duplicatingPolls: number;
  /** Commands that the open poll brought when the stop had begun. */
  readonly broughtAtStop: number;
  readonly elapsedMs: number;
}

/** One request in this many meets a fault. */
const ONE_IN = 7;
/** One poll in this many, beside those, delivers something twice: no run may go by without it. */
const DUPLICATE_ONE_IN = 10;
const DUPLICATES = ["every command twice", "commands that were delivered before"] as const;
/** One poll in this many finds the port closed a moment later. */
const OUTAGE_ONE_IN = 150;
const OUTAGE_MS = 60;
const TTL_MS = 2_500;
/** Longer than a stop may take here. */
const DRAIN = "60s";

const STDIO_FAULTS = [
  "talks on standard output",
  "answers twice",
  "answers in single bytes",
  "answers over many lines",
  "answers in a batch",
  "answers another call",
  "answers with something else",
  "asks first",
  "answers with two megabytes",
];
/** These cost the server's other calls their answers, and time: a server that dies too often is started ever later. */
const DEADLY_ONE_IN = 60;
const DEADLY_STDIO_FAULTS = [
  "killed in the middle",
  "killed behind half an answer",
  "killed behind the answer",
  "ends with code 0",
  "says nothing",
];

/** Runs it. @throws {AssertionError} when a command was lost or executed twice, or the program did not end in order */
export async function runChaos({ commands, seed, onProgress }: ChaosOptions): Promise<ChaosReport> {
  const startedAt = performance.now();
  const dice = new Dice(seed);
  const met = new Map<string, number>();
  const chooseOneIn = (
    count: number,
    what: string,
    names: readonly string[],
    ...key: readonly (string | number)[]
  ) => {
    const name = dice.oneIn(count, what, ...key) ? dice.pick(names, what, ...key) : undefined;
    if (name !== undefined) met.set(`${what}: ${name}`, (met.get(`${what}: ${name}`) ?? 0) + 1);
    return name;
  };
  const choose: Choose = (...choice) => chooseOneIn(ONE_IN, ...choice);
  let duplicatingPolls = 0;
  await using controlPlane = await FaultControlPlane.start();
  await using target = await FaultTarget.start();
  await using stdio = new FaultStdio();
  await using agent = await AgentProgram.listening({
    controlPlaneUrl: controlPlane.url,
    args: [
      `--mcp.server-url=${target.url}`,
      stdio.flag("stdio"),
      "--mcp.stdio-concurrency=6",
      "--mcp.max-concurrent-requests=32",
      "--control-plane.max-inflight=200",
      "--control-plane.poll-timeout=300ms",
      "--control-plane.poll-deadline-guardrail=2s",
      `--mcp.connection-max-ttl=${TTL_MS}ms`,
      `--shutdown.drain-timeout=${DRAIN}`,
    ],
  });

  await controlPlane.shakeHands("stdio");
  const harmless = new Set<Order>();
  let away = Promise.resolve();
  controlPlane.onPoll = (poll) => {
    const serial = controlPlane.orders.length;
    // Sometimes nothing, sometimes more than one poll may bring.
    const supply = controlPlane.queued < 50 ? dice.below(40, "supply", poll.number) : 0;
    for (let n = supply; n > 0; n--) {
      const parts = orderParts(dice, choose, serial + n);
      const order = controlPlane.add(parts);
      if (parts.params?.fault === undefined && parts.channel === undefined) harmless.add(order);
    }
    if (dice.oneIn(OUTAGE_ONE_IN, "outage", poll.number)) away = away.then(() => outage(controlPlane));
    const duplicate = chooseOneIn(DUPLICATE_ONE_IN, "duplicating poll", DUPLICATES, poll.number);
    const name = duplicate ?? choose("poll", Object.keys(POLL_FAULTS), poll.number);
    if (DUPLICATES.some((known) => known === name)) duplicatingPolls++;
    return name === undefined ? undefined : POLL_FAULTS[name as keyof typeof POLL_FAULTS];
  };
  controlPlane.onPost = ({ order, respType, attempt }) => {
    const name = choose("post", Object.keys(POST_FAULTS), order?.requestId ?? "", respType, attempt);
    return name === undefined ? undefined : POST_FAULTS[name as keyof typeof POST_FAULTS];
  };

  for (let step = 1; step <= 10; step++) {
    const goal = Math.ceil(commands * step / 10);
    await agent.program.until(`${goal} answers`, () => controlPlane.answered >= goal, 30_000 + commands * 60);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
    onProgress?.(`${controlPlane.answered} answered, ${controlPlane.polls} polls, ${seconds} s`);
  }
  await checkMetrics(agent);
  const deliveredBefore = await stopUnderOpenPoll(agent, controlPlane);
  await agent.program.ended(90_000);
  await away;
  await checkEnd({ controlPlane, target, agent });
  assert.deepEqual(await stdio.executedTwice(), [], "executed twice by the stdio server");

  const delivered = controlPlane.deliveredOrders;
  const answered = delivered.filter(({ answer }) => answer !== undefined);
  const good = answered.filter(isGood);
  return {
    delivered: delivered.length,
    answered: answered.length,
    expired: delivered.length - answered.length,
    good: good.length,
    harmed: answered.filter((order) => harmless.has(order) && !isGood(order)).length,
    polls: controlPlane.polls,
    posts: controlPlane.posts,
    faults: [...met.values()].reduce((sum, count) => sum + count, 0),
    differentFaults: met.size,
    serverDeaths: agent.events("stdio MCP command exited").length,
    duplicatingPolls,
    broughtAtStop: delivered.length - deliveredBefore,
    elapsedMs: performance.now() - startedAt,
  };
}

/**
 * Sends SIGTERM while a poll is open, which comes back with commands when the agent has begun to stop.
 * @returns how many commands had been delivered before
 */
async function stopUnderOpenPoll(agent: AgentProgram, controlPlane: FaultControlPlane): Promise<number> {
  const stopping = Promise.withResolvers<void>();
  let held = false;
  controlPlane.onPoll = () => async (poll) => {
    held = true;
    await Promise.race([stopping.promise, poll.exchange.gone]);
    await servePoll(poll);
  };
  controlPlane.add();
  await agent.program.until("a poll that the stop meets", () => held);
  const deliveredBefore = controlPlane.deliveredOrders.length;
  agent.program.signal("SIGTERM");
  await agent.untilEvent("stopping control-plane poller");
  stopping.resolve();
  return deliveredBefore;
}

function isGood({ kind, answer }: Order): boolean {
  if (answer === undefined) return false;
  return kind === "call" ? answer.json.result !== undefined : answer.respCode < 300;
}

type Choose = (
  what: string,
  names: readonly string[],
  ...key: readonly (string | number)[]
) => string | undefined;

function orderParts(dice: Dice, choose: Choose, serial: number): OrderParts {
  const kind = dice.below(100, "kind", serial);
  if (kind < 4) return { kind: "session_termination" };
  if (kind < 7) return { kind: "oauth_discovery" };
  const channel = dice.oneIn(8, "channel", serial) ? { channel: "stdio" } : {};
  if (kind < 12) return { kind: "notification", method: "notifications/progress", ...channel };
  if (kind < 13) {
    return { params: { fault: "never answered" }, timeoutMs: 500 + dice.below(1_000, "timeout", serial) };
  }
  const fault = channel.channel === undefined
    ? choose("target", [...Object.keys(TARGET_FAULTS), RESUMED_FAULT], serial)
    : dice.oneIn(DEADLY_ONE_IN, "deadly", serial)
    ? dice.pick(DEADLY_STDIO_FAULTS, "deadly", serial)
    : choose("stdio", STDIO_FAULTS, serial);
  return {
    ...channel,
    ...(fault === undefined ? {} : { params: { fault } }),
    ...(kind < 20 ? { timeoutMs: 60_000 } : {}),
  };
}

/** The control plane is away for a moment: whoever connects is refused. */
async function outage({ server }: FaultControlPlane): Promise<void> {
  const away = server.refuse();
  await new Promise((resolve) => setTimeout(resolve, OUTAGE_MS));
  await away;
  await server.accept();
}

/** In the middle of everything, the numbers of one look at the metrics add up. */
async function checkMetrics(agent: AgentProgram): Promise<void> {
  const { body } = await agent.get("/metrics");
  const sum = (name: string) =>
    [...body.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, "gm"))]
      .reduce((total, match) => total + Number(match[1]), 0);
  const received = sum("commands_received_total");
  assert.ok(received > 0);
  assert.equal(received, sum("commands_outcome_total") + sum("commands_in_flight"), "the law in /metrics");
}

/** Numbers that depend on the seed and on what they are for, and on nothing that happened before. */
class Dice {
  constructor(private readonly seed: number) {}

  below(limit: number, ...key: readonly (string | number)[]): number {
    let hash = 0x811c9dc5 ^ this.seed;
    for (const character of key.join("\u0000")) {
      hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
    }
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return ((hash ^ (hash >>> 16)) >>> 0) % limit;
  }

  oneIn(count: number, ...key: readonly (string | number)[]): boolean {
    return this.below(count, "one in", ...key) === 0;
  }

  pick(names: readonly string[], ...key: readonly (string | number)[]): string {
    return names[this.below(names.length, "pick", ...key)] ?? "";
  }
}
