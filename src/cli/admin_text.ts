/** Tunnels as people read them, within 80 columns. */
import type { ManagedTunnel, ManagedTunnelList } from "../admin/mod.ts";
import { wrap } from "./help_text.ts";

/** Width of the labels; the longest is `Organizations:`. */
const LABEL_WIDTH = 14;

/**
 * One tunnel.
 * @param askedId shown when the reply did not name the tunnel
 */
export function tunnelText(tunnel: ManagedTunnel, askedId = ""): string {
  const rows: (readonly [string, string])[] = [
    ["Name:", tunnel.name],
    ["Description:", tunnel.description],
    ...(tunnel.creator === undefined ? [] : [["Creator:", tunnel.creator] as const]),
    ["Organizations:", (tunnel.organization_ids ?? []).join(", ")],
    ["Workspaces:", (tunnel.workspace_ids ?? []).join(", ")],
    ...(tunnel.tenant_ids === undefined ? [] : [["Tenants:", tunnel.tenant_ids.join(", ")] as const]),
  ];
  const indent = " ".repeat(LABEL_WIDTH + 3);
  const lines = rows.map(([label, value]) =>
    `  ${label.padEnd(LABEL_WIDTH)} ${wrap(printable(value), indent).trimStart()}`.trimEnd()
  );
  return `Tunnel ${printable(tunnel.id || askedId)}\n${lines.join("\n")}\n`;
}

/** A list of tunnels, an empty line between two; nothing for an empty list. */
export function listText({ tunnels }: ManagedTunnelList): string {
  return tunnels.map((tunnel) => tunnelText(tunnel)).join("\n");
}

/** Others have chosen these texts: no line breaks, and nothing that a terminal would obey. */
function printable(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\s]+/g, " ").trim();
}
