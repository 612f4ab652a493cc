/** The real program between a control plane and targets that misbehave, and what must hold at its end. */
import assert from "node:assert/strict";
import { AgentProgram } from "./e2e_agent.ts";
import { FaultControlPlane } from "./fault_control_plane.ts";
import { FaultTarget } from "./fault_target.ts";

export interface FaultRun {
  readonly controlPlane: FaultControlPlane;
  readonly target: FaultTarget;
  readonly agent: AgentProgram;
  /** Sends the first SIGTERM; the run is stopped at its end where the test has not done so. */
  stop(): void;
}

export interface FaultRunOptions {
  /** Flags beside those for control plane, target and quick limits. */
  readonly args?: readonly string[];
  /** False binds no HTTP target. */
  readonly http?: boolean;
  /** False for a stdio server that no connector shakes hands with before the test; an HTTP target needs none. */
  readonly handshake?: boolean;
  /** True names the control plane as its own proxy, so that the agent reaches it by `fetch`. */
  readonly proxied?: boolean;
  /** Is called before the agent starts. */
  readonly prepare?: (parts: Pick<FaultRun, "controlPlane" | "target">) => void | Promise<void>;
}

/** How a run must end, where it is not in order. */
export interface Expected {
  readonly exitCode?: number;
  /** Commands that could not be answered. */
  readonly undeliverable?: number;
}

/** An attempt at the control plane takes this long at most (P-30), a command at its target no longer than the TTL. */
export const ATTEMPT_MS = 1_500;
export const TTL_MS = 1_000;

const QUICK = [
  "--control-plane.poll-timeout=500ms",
  "--control-plane.poll-deadline-guardrail=1s",
  `--mcp.connection-max-ttl=${TTL_MS}ms`,
];

/** Runs a test with an agent that has polled; stops it with SIGTERM if the test has not; then checks the law. */
export async function faultRun(
  options: FaultRunOptions,
  test: (run: FaultRun) => Promise<Expected | void>,
): Promise<void> {
  await using controlPlane = await FaultControlPlane.start();
  await using target = await FaultTarget.start();
  await options.prepare?.({ controlPlane, target });
  const binding = options.http === false ? [] : [`--mcp.server-url=${target.url}`];
  await using agent = await AgentProgram.listening({
    controlPlaneUrl: controlPlane.url,
    args: [...binding, ...QUICK, ...(options.args ?? [])],
    env: options.proxied ? { HTTP_PROXY: controlPlane.url } : {},
  });
  await agent.program.until("the first poll", () => controlPlane.polls > 0);
  if (options.http === false && options.handshake !== false) await controlPlane.shakeHands();
  let stopped = false;
  const stop = () => {
    if (!stopped) agent.program.signal("SIGTERM");
    stopped = true;
  };
  const run = { controlPlane, target, agent, stop };
  const expected = await test(run) ?? {};
  stop();
  await checkEnd(run, expected);
}

/** Every command that was delivered was received, ended once, and was executed at most once. */
export async function checkEnd(
  { controlPlane, target, agent }: Omit<FaultRun, "stop">,
  { exitCode = 0, undeliverable = 0 }: Expected = {},
): Promise<void> {
  const end = await agent.program.ended(40_000);
  assert.equal(end.code, exitCode, `exit code ${end.code}\n${end.stderr}\n${end.stdout.slice(-4000)}`);
  const expired = undeliverable === 0 ? controlPlane.checkLaw() : undefined;
  assert.deepEqual(target.executedTwice(), [], "executed twice");
  const line = agent.events("tunnel-client stopped")[0];
  assert(line, `no closing record\n${end.stdout.slice(-4000)}`);
  const counts = ["answered", "acknowledged", "failed_answered", "expired", "undeliverable"].map((outcome) =>
    Number(line[outcome])
  );
  const sum = counts.reduce((total, count) => total + count, 0);
  assert.equal(line.received, controlPlane.deliveredOrders.length, `received: ${JSON.stringify(line)}`);
  assert.equal(sum, line.received, `the outcome law: ${JSON.stringify(line)}`);
  assert.equal(line.undeliverable, undeliverable, JSON.stringify(line));
  if (expired !== undefined) assert.equal(line.expired, expired, JSON.stringify(line));
}
