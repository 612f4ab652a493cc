import type { Commands } from "./commands.ts";
import type { DoctorRequest } from "./context.ts";
import type { CheckId } from "./report.ts";

interface Guidance {
  readonly why: string;
  readonly next: readonly string[];
}

/** Why a mistake in the configuration matters, and what to do about it (D-9). */
export function guidanceFor(id: CheckId, request: DoctorRequest, commands: Commands): Guidance {
  const page = (check: string) => request.pages.find((page) => page.check === check)?.url ?? "";
  const ask = `ask again: ${commands.doctor}`;
  switch (id) {
    case "config_source":
      return {
        why: "A configuration comes from one file at most; which one must be clear.",
        next: ["see what there is: tunnel-client profiles list", ask],
      };
    case "profile_load":
      return {
        why: "The file that was selected has to be there, readable and valid before anything can start.",
        next: ["see what there is: tunnel-client profiles list", `correct the file, then ${ask}`],
      };
    case "tunnel_id":
      return {
        why: "Without the id of its tunnel the agent can neither register nor poll.",
        next: [
          `find or create the tunnel: ${page("tunnels_management_url")}`,
          "with the runtime key you can look one up: tunnel-client admin tunnels get tunnel_...",
          `with an admin key (${page("admin_api_keys_url")}) you can list and create them: ` +
          "tunnel-client admin tunnels list --help, tunnel-client admin tunnels create --help",
          "write a profile: tunnel-client init --sample sample_mcp_with_dcr --profile sample_mcp_with_dcr " +
          "--tunnel-id tunnel_... --mcp-server-url http://127.0.0.1:3001/mcp",
          "or set --control-plane.tunnel-id or CONTROL_PLANE_TUNNEL_ID to tunnel_ and 32 lower-case letters or digits",
          request.connectorNote(commands.run),
          "read on: tunnel-client help quickstart",
        ],
      };
    case "control_plane_api_key":
      return {
        why: "The agent needs a key to poll with: a restricted runtime key with Tunnels Read + Use.",
        next: [
          `create a runtime key: ${page("runtime_api_keys_url")}`,
          'export CONTROL_PLANE_API_KEY="sk-..."',
          'a key that is in another variable: export CONTROL_PLANE_API_KEY="$OTHER_VARIABLE"',
          `an admin key (${page("admin_api_keys_url")}) is another one, for admin tunnels only`,
          ask,
          `then: ${commands.run}`,
        ],
      };
    case "control_plane_base_url":
      return {
        why: "It says which control plane is polled.",
        next: [
          "set --control-plane.base-url or CONTROL_PLANE_BASE_URL to an https URL without a path, " +
          "such as https://api.openai.com, or remove it",
          ask,
        ],
      };
    case "mcp_target":
      return {
        why: "Commands go to the MCP server of the channel main; one has to be bound to it.",
        next: [
          "set --mcp.server-url or --mcp.command, or in the profile an entry with channel: main",
          "without a server of your own: tunnel-client run --embedded-mcp-stub --control-plane.tunnel-id tunnel_...",
          ask,
        ],
      };
    default:
      return {
        why: "A setting has a value that cannot be used, so nothing would start.",
        next: [ask],
      };
  }
}
