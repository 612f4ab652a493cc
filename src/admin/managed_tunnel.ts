/** A tunnel as the management API tells it, members in the order in which they are shown (A-13, P-144). */
export interface ManagedTunnel {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly creator?: string;
  readonly tenant_ids?: readonly string[];
  readonly workspace_ids?: readonly string[];
  readonly organization_ids?: readonly string[];
  /** `X-Request-Id` of the reply. */
  readonly request_id?: string;
}

/** What a list brings. */
export interface ManagedTunnelList {
  readonly tunnels: readonly ManagedTunnel[];
  /** There are more than were asked for; the next ones follow {@link ManagedTunnelList.last_id}. */
  readonly has_more?: true;
  readonly last_id?: string;
  readonly request_id?: string;
}

const LISTS = ["tenant_ids", "workspace_ids", "organization_ids"] as const;

/** What is known of a tunnel; members that nobody knows, and known ones of another type, are dropped. */
export function readTunnel(source: Readonly<Record<string, unknown>>, requestId = ""): ManagedTunnel {
  const text = (member: string) => {
    const value = source[member];
    return typeof value === "string" ? value : "";
  };
  const creator = text("creator");
  const lists = LISTS.map((member) => [member, textsOf(source[member])] as const);
  return {
    id: text("id"),
    name: text("name"),
    description: text("description"),
    ...(creator === "" ? {} : { creator }),
    ...Object.fromEntries(lists.filter(([, ids]) => ids.length > 0)),
    ...(requestId === "" ? {} : { request_id: requestId }),
  };
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === "string") : [];
}
