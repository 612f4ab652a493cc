import type { CommandEntry, GroupCommand } from "./command.ts";
import { loadCommand, loadModule } from "./load_module.ts";

const DEV: GroupCommand = {
  kind: "group",
  about: "Tools for developers.",
  children: [
    {
      name: "proxy",
      summary: "A local tunnel in front of an MCP server, for tests",
      load: () => loadCommand<typeof import("./dev_proxy.ts")>("./dev_proxy.ts", import.meta.url),
    },
    {
      name: "mcp-stub",
      summary: "A demo MCP server to try the tunnel with",
      load: () => loadCommand<typeof import("./mcp_stub.ts")>("./mcp_stub.ts", import.meta.url),
    },
  ],
};

/** Everything a person can type, in the order of the root help. One entry here is all that a new command needs. */
const COMMANDS: readonly CommandEntry[] = [
  {
    name: "init",
    summary: "Make a profile, from flags or by answering questions",
    load: () => loadCommand<typeof import("./init.ts")>("./init.ts", import.meta.url),
  },
  {
    name: "doctor",
    summary: "Look at a configuration before you run it, and say what to do",
    load: () => loadCommand<typeof import("./doctor.ts")>("./doctor.ts", import.meta.url),
  },
  {
    name: "health",
    summary: "Ask a running agent how it is",
    load: () => loadCommand<typeof import("./health.ts")>("./health.ts", import.meta.url),
  },
  {
    name: "run",
    summary: "Serve a tunnel until told to stop",
    load: () => loadCommand<typeof import("./run.ts")>("./run.ts", import.meta.url),
  },
  {
    name: "demo",
    summary: "See one tool call travel through a tunnel on this machine",
    load: () => loadCommand<typeof import("./demo.ts")>("./demo.ts", import.meta.url),
  },
  {
    name: "relay",
    summary: "A control plane of your own",
    load: () => loadCommand<typeof import("./relay.ts")>("./relay.ts", import.meta.url),
  },
  {
    name: "dev",
    summary: "Tools for developers: proxy, mcp-stub",
    load: () => Promise.resolve(DEV),
  },
  {
    name: "profiles",
    summary: "List, show, add, edit, check and delete profiles",
    load: () => loadCommand<typeof import("./profiles.ts")>("./profiles.ts", import.meta.url),
  },
  {
    name: "admin",
    summary: "Manage the tunnels of a control plane",
    load: () => loadCommand<typeof import("./admin.ts")>("./admin.ts", import.meta.url),
  },
  {
    name: "permissions",
    summary: "What a profile lets the program touch",
    load: () => loadCommand<typeof import("./permissions.ts")>("./permissions.ts", import.meta.url),
  },
  {
    name: "help",
    summary: "Help on a topic or a command",
    load: () => loadCommand<typeof import("./help.ts")>("./help.ts", import.meta.url),
  },
  {
    name: "completion",
    summary: "Command completion for bash, zsh, fish and PowerShell",
    load: () => loadCommand<typeof import("./completion.ts")>("./completion.ts", import.meta.url),
  },
];

/** The program itself. */
export const ROOT: GroupCommand = {
  kind: "group",
  about:
    "Connects a local or private MCP server to the OpenAI control plane over an outbound tunnel: no inbound " +
    "port, no public address.\n\n" +
    "tunnel-client run is a long-lived daemon. It polls the control plane for MCP commands, hands them to the " +
    "MCP server, posts the answers back, and tells an operator how it is on /healthz, /readyz and /ui.",
  children: COMMANDS,
  sections: async () => {
    const { rootSections } = await loadModule<typeof import("./root_help.ts")>(
      "./root_help.ts",
      import.meta.url,
    );
    return rootSections();
  },
};

/** What the program is called, first word of every path. */
export const PROGRAM = "tunnel-client";
