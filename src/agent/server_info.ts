/** The value of `X-Tunnel-MCP-Server-Info`, version 1 (P-20 … P-28). */
import { canonicalChannel } from "./wire.ts";

const MAX_CHANNELS = 32;
const MAX_BYTES = 4096;

/** What the header says of one channel. */
export interface ServerInfoChannel {
  readonly name: string;
  /** State lives in this process, as with a stdio child (P-21). */
  readonly procAffinity: boolean;
}

/**
 * Builds the header value.
 * @param channels in configuration order (P-22)
 * @param allowed poll-channel allowlist; undefined lists all (P-24)
 * @throws {Error} when the published limits do not hold (P-25)
 */
export function serverInfoValue(
  channels: readonly ServerInfoChannel[],
  allowed: readonly string[] | undefined,
): string {
  const listed = channels.filter((channel) => allowed === undefined || allowed.includes(channel.name));
  if (listed.length === 0) throw new Error("server info needs at least one channel declaration");
  if (listed.length > MAX_CHANNELS) {
    throw new Error(`server info: ${listed.length} channels, which exceeds maximum ${MAX_CHANNELS}`);
  }
  const seen = new Set<string>();
  for (const { name } of listed) {
    if (name === "") throw new Error("server info: channel name is required");
    const canonical = canonicalChannel(name);
    if (canonical === undefined) throw new Error(`server info: invalid channel "${name}"`);
    if (canonical !== name) throw new Error(`server info: channel "${name}" is not canonical`);
    if (seen.has(name)) throw new Error(`server info: duplicate channel declaration "${name}"`);
    seen.add(name);
  }
  const value = JSON.stringify({
    version: 1,
    channels: listed.map(({ name, procAffinity }) => procAffinity ? { name, proc_affinity: true } : { name }),
  });
  if (value.length > MAX_BYTES) {
    throw new Error(`server info: serialized header size ${value.length} is above ${MAX_BYTES} bytes`);
  }
  return value;
}
