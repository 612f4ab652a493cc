/** Entry of the agent thread: takes its port and becomes the agent. */
import { hostAgent } from "./agent_host.ts";
import { watchRefusals } from "./refusals.ts";
import { workerScope } from "./worker_scope.ts";

/** The only message that arrives here; everything else goes over the port. */
interface Handover {
  readonly port: MessagePort;
}

workerScope.onmessage = (event: MessageEvent<Handover>) => watchRefusals(hostAgent(event.data.port));
