import assert from "node:assert/strict";
import { POLL_FAULTS } from "../support/fault_polls.ts";
import { faultRun } from "../support/fault_run.ts";

for (const [proxied, client] of [[false, "sockets"], [true, "fetch"]] as const) {
  Deno.test(`whatever goes wrong with a poll over ${client}, the next one brings the commands, and each is executed once`, async (t) => {
    await faultRun({ proxied }, async ({ controlPlane, target }) => {
      for (const [name, fault] of Object.entries(POLL_FAULTS)) {
        await t.step(name, async () => {
          let faults = 0;
          // The poll that is open now may have missed the fault; one that comes later meets it.
          controlPlane.onPoll = () => faults++ === 0 ? fault : undefined;
          const before = controlPlane.add();
          await controlPlane.changes.until("the fault", () => faults > 0);
          const orders = [before, controlPlane.add(), controlPlane.add()];
          for (const order of orders) {
            const answer = await controlPlane.answerTo(order);
            assert.equal(answer.respCode, 200);
            assert.equal(answer.json.result.worked, order.rpcId);
            assert.equal(target.executions.get(JSON.stringify(order.rpcId)), 1);
          }
        });
      }
    });
  });
}
