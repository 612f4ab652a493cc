/** What a poll can take, and whose it is. */
export interface PollInterest {
  /** Only commands of these; undefined means all (P-163). */
  readonly channels: ReadonlySet<string> | undefined;
  /** Only messages that wait for nothing: notifications and connectors' answers (`asides`). */
  readonly asidesOnly: boolean;
  /** Agent that polls, where known. */
  readonly instanceId: string | undefined;
  /** Whether it wants to be told of commands that nobody waits for any more (`cancel`). */
  readonly takesCancellations: boolean;
}

/** What of a command decides whether a poll can take it. */
interface Pollable {
  readonly channel: string;
  readonly isAside: boolean;
}

/** Whether a poll can take a command. */
export function wants({ channels, asidesOnly }: PollInterest, { channel, isAside }: Pollable): boolean {
  return (isAside || !asidesOnly) && (channels === undefined || channels.has(channel));
}
