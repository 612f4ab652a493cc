import type { AgentStatus, ProgramFacts, TrustReport } from "../../src/ops/mod.ts";

/** What a test wants to differ from an agent that is fine. */
export interface StatusChanges extends Partial<Omit<AgentStatus, "poll">> {
  readonly poll?: Partial<AgentStatus["poll"]>;
}

/** The status of an agent that is fine, with the given parts replaced. */
export function agentStatus(changes: StatusChanges = {}): AgentStatus {
  const { poll, ...rest } = changes;
  return {
    agentAlive: true,
    draining: false,
    pollWaitMs: 30_000,
    probe: { state: "ok", error: "" },
    routes: [],
    channels: [{
      name: "main",
      transport: "http-streamable",
      target: "http://127.0.0.1:9000",
      health: { state: "ready", reason: "" },
    }],
    ...rest,
    poll: {
      lastSuccessAgoMs: 10,
      metadataAgoMs: undefined,
      consecutiveFailures: 0,
      lastErrorCategory: "",
      lastStatus: 0,
      paused: false,
      shortened: undefined,
      ...poll,
    },
  };
}

/** A stdio channel in some state. */
export function stdioChannel(
  state: AgentStatus["channels"][number]["health"]["state"],
  reason: string,
): AgentStatus["channels"][number] {
  return { name: "files", transport: "stdio", target: "node server.js", health: { state, reason } };
}

export const FACTS: ProgramFacts = {
  version: "0.1.0",
  clientInstanceId: "0123456789abcdef0123456789abcdef",
  startedAtMs: Date.now() - 90_000,
  controlPlane: {
    baseUrl: "https://api.example.test",
    tunnelId: "tunnel_0123456789abcdef0123456789abcdef",
    maxInflight: 20,
    pollTimeoutMs: 30_000,
    pollDeadlineGuardrailMs: 5000,
  },
  sandbox: { mode: "strict", permissions: ["net api.example.test:443", "run /usr/bin/node"] },
};

/** Roots of a program without roots of its own. */
export const TRUST: TrustReport = { system_trust: { enabled: true, source: "system cert pool" } };
