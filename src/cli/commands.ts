import type { Command, GroupCommand, LeafCommand } from "./command.ts";
import { DEMO_FLAGS, demoOptions } from "./demo_options.ts";
import { DEV_PROXY_FLAGS, devProxyOptions } from "./dev_proxy_options.ts";
import { columns, flagSections, wrap } from "./help_text.ts";
import { MCP_STUB_FLAGS, mcpStubOptions } from "./mcp_stub_options.ts";
import { runFlags, runHelp } from "./run_help.ts";
import { setupPages } from "./setup_pages.ts";

/**
 * Loads the module of a command. The path is hidden from Deno, which would otherwise walk the modules of all commands
 * before the first line runs; that doubles the start time. `deno compile` must be told of them with `--include src/cli`.
 */
function load<Module>(file: string): Promise<Module> {
  return import(new URL(file, import.meta.url).href);
}

const RUN: LeafCommand = {
  kind: "leaf",
  name: "run",
  summary: "Serve a tunnel until told to stop",
  flags: runFlags,
  help: runHelp,
  run: async (flags, io) => {
    const { runCommand } = await load<typeof import("./run.ts")>("./run.ts");
    return await runCommand(flags, io);
  },
};

const DEMO: LeafCommand = {
  kind: "leaf",
  name: "demo",
  summary: "See one tool call travel through a tunnel on this machine",
  flags: () => DEMO_FLAGS,
  help: () =>
    [
      wrap(
        "Starts a relay, a demo MCP server and an agent on ports that the system chooses, makes one tool call " +
          "through the tunnel, tells what happened, and stays up to be looked at. Needs no account and no key.",
      ),
      "",
      "Usage: tunnel-client demo [flags]",
      "",
      flagSections(DEMO_FLAGS),
      "",
    ].join("\n"),
  run: async (flags, io) => {
    const { demoCommand } = await load<typeof import("./demo.ts")>("./demo.ts");
    return await demoCommand(demoOptions(flags), io);
  },
};

const DEV_PROXY: LeafCommand = {
  kind: "leaf",
  name: "proxy",
  summary: "A local tunnel in front of an MCP server, for tests",
  flags: () => DEV_PROXY_FLAGS,
  help: () =>
    [
      wrap(
        "Runs a control plane and an agent in one process tree and gives a local MCP URL whose traffic really " +
          "passes through the tunnel. Prints the URL when everything is ready.",
      ),
      "",
      "Usage: tunnel-client dev proxy --mcp-server-url URL [flags]",
      "       tunnel-client dev proxy --mcp-command COMMAND [flags]",
      "",
      flagSections(DEV_PROXY_FLAGS),
      "",
    ].join("\n"),
  run: async (flags, io) => {
    const options = devProxyOptions(flags);
    const { devProxyCommand } = await load<typeof import("./dev_proxy.ts")>("./dev_proxy.ts");
    return await devProxyCommand(options, io);
  },
};

const DEV_MCP_STUB: LeafCommand = {
  kind: "leaf",
  name: "mcp-stub",
  summary: "A demo MCP server to try the tunnel with",
  flags: () => MCP_STUB_FLAGS,
  help: () =>
    [
      wrap(
        "Runs a demo MCP server with the tools server_info, echo and uppercase, and the OAuth documents that a " +
          "protected server would publish. Nothing is protected.",
      ),
      "",
      "Usage: tunnel-client dev mcp-stub [flags]",
      "",
      flagSections(MCP_STUB_FLAGS),
      "",
    ].join("\n"),
  run: async (flags, io) => {
    const { mcpStubCommand } = await load<typeof import("./mcp_stub.ts")>("./mcp_stub.ts");
    return await mcpStubCommand(mcpStubOptions(flags), io);
  },
};

const DEV: GroupCommand = {
  kind: "group",
  name: "dev",
  summary: "Tools for developers: proxy, mcp-stub",
  children: [DEV_PROXY, DEV_MCP_STUB],
  help: () =>
    [
      "Tools for developers.",
      "",
      "Usage: tunnel-client dev COMMAND [flags]",
      "",
      commandList(DEV.children),
      "",
    ].join("\n"),
};

const RELAY: Command = {
  kind: "foreign",
  name: "relay",
  summary: "A control plane of your own",
  run: async (args, io) => {
    const { relayCommand } = await load<typeof import("./relay.ts")>("./relay.ts");
    const { runCommanderCommand } = await load<typeof import("./commander_bridge.ts")>(
      "./commander_bridge.ts",
    );
    return await runCommanderCommand(relayCommand(), args, io);
  },
};

/** The program itself: everything a person can type. */
export const ROOT: GroupCommand = {
  kind: "group",
  name: "tunnel-client",
  summary: "",
  children: [RUN, DEMO, RELAY, DEV],
  help: () =>
    [
      wrap(
        "Connects a local or private MCP server to the OpenAI control plane over an outbound tunnel: no inbound " +
          "port, no public address.",
      ),
      "",
      wrap(
        "tunnel-client run is a long-lived daemon. It polls the control plane for MCP commands, hands them to the " +
          "MCP server, posts the answers back, and tells an operator how it is on /healthz, /readyz and /ui.",
      ),
      "",
      "Usage: tunnel-client COMMAND [flags]",
      "",
      commandList([...ROOT.children, {
        name: "help",
        summary: "Help on a command: tunnel-client help dev proxy",
      }]),
      "",
      "Start here, without any account:",
      "  tunnel-client demo",
      "",
      setupPages(),
      "",
      wrap("Every command explains itself with --help; tunnel-client --version prints the version."),
      "",
    ].join("\n"),
};

function commandList(commands: readonly Pick<Command, "name" | "summary">[]): string {
  return `Commands:\n${columns(commands.map(({ name, summary }) => [name, summary]))}`;
}
