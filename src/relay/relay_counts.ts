/**
 * What happened to the commands of one tunnel. At any moment
 * `received = answered + timedOut + withdrawn + abandoned + stopped + queued + inFlight`.
 */
export interface RelayCounts {
  /** Connector requests that became commands. */
  readonly received: number;
  /** Commands now waiting for a poll. */
  readonly queued: number;
  /** Commands that an agent has now and has not answered. */
  readonly inFlight: number;
  /** Ended by exactly one accepted terminal response. */
  readonly answered: number;
  /** The connector's wait was over (P-172). */
  readonly timedOut: number;
  /** The connector hung up before an agent had the command. */
  readonly withdrawn: number;
  /** The connector hung up while an agent had the command. */
  readonly abandoned: number;
  /** Open when the relay stopped. */
  readonly stopped: number;
  /** Hand-overs to a poll; above the number of commands by those that came back. */
  readonly delivered: number;
  /** Commands that came back because their poll reply could not be written. */
  readonly requeued: number;
  /** Connector requests refused with `tunnel_client_not_seen`, `tunnel_client_not_connected` or `tunnel_queue_full`. */
  readonly refused: number;
  /** Responses for commands that were not, or no longer, open (404). */
  readonly late: number;
  /** Notifications written to a connector's stream. */
  readonly notificationsSent: number;
  /** Notifications for connectors that take no stream (P-173). */
  readonly notificationsSkipped: number;
  /** Notifications dropped because the connector did not read (P-169). */
  readonly notificationsDropped: number;
  /** Requests of a target that the connector could not be asked (`server-requests`). */
  readonly requestsRefused: number;
  /** Commands whose agent has been told that nobody waits for them any more (`cancel`). */
  readonly cancelled: number;
  /** Notifications that wait now for a connector to read (P-169). */
  readonly notificationsHeld: number;
  /** Polls that are open now. */
  readonly openPolls: number;
}

type Counter = Exclude<keyof RelayCounts, "queued" | "inFlight" | "openPolls">;

/** The counters behind {@link RelayCounts}; queue, in-flight and polls are counted where they live. */
export type Counters = Record<Counter, number>;

export function newCounters(): Counters {
  return {
    received: 0,
    answered: 0,
    timedOut: 0,
    withdrawn: 0,
    abandoned: 0,
    stopped: 0,
    delivered: 0,
    requeued: 0,
    refused: 0,
    late: 0,
    notificationsSent: 0,
    notificationsSkipped: 0,
    notificationsDropped: 0,
    requestsRefused: 0,
    cancelled: 0,
    notificationsHeld: 0,
  };
}
