import type { RunConfig } from "../../src/config/mod.ts";

/** The parts of a finished configuration that hardly a test is about, as they are when nothing is configured. */
export const STANDARD_PARTS = {
  source: { configFile: "", profile: "", profilePath: "", profileDir: "", isProfileFile: false },
  harpoon: {
    targets: [],
    allowPlaintextHttp: false,
    maxResponseBytes: 102_400,
    maxRedirects: 5,
    proxy: { kind: "environment" },
    additionalTransports: [],
    capturePayloads: false,
    hostsIncludeSuffix: [],
    hostsIncludeRegex: [],
    hostsIncludeLoopback: true,
    hostsIncludePrivate: true,
  },
  tls: { caBundle: "" },
  environmentProxies: { httpProxy: undefined, httpsProxy: undefined, noProxy: undefined, isCgi: false },
  proxyCheckIntervalMs: 60_000,
  adminUi: { allowRemote: false, openBrowser: false, logBufferEvents: 2_000 },
  cloudflared: { enabled: false, managed: false, token: "", path: "", readyTimeoutMs: 30_000 },
} satisfies Partial<RunConfig>;
