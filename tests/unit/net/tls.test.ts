import assert from "node:assert/strict";
import { makeCertificates } from "../../support/net_certificates.ts";
import type { RequestEnd } from "../../support/net_requests.ts";
import { startAnswering } from "../../support/net_servers.ts";

Deno.test("both clients verify certificates and names against the roots of the process [TL-3, P-122]", async () => {
  await using certificates = await makeCertificates();
  const { good, expired, otherName, selfSigned } = certificates;
  await using trusted = startAnswering((peer, { lines }) => peer.ok(lines[1].toLowerCase()), good);
  await using late = startAnswering((peer) => peer.ok("never"), expired);
  await using foreign = startAnswering((peer) => peer.ok("never"), otherName);
  await using own = startAnswering((peer) => peer.ok("never"), selfSigned);

  const program = new URL("../../support/net_requests.ts", import.meta.url).pathname;
  const byAddress = trusted.origin.replace("localhost", "127.0.0.1");
  const urls = [trusted.origin, byAddress, late.origin, foreign.origin, own.origin];
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-lock", "--allow-net", program, ...urls],
    env: { DENO_CERT: certificates.authorityFile },
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  const ends = JSON.parse(new TextDecoder().decode(stdout)) as RequestEnd[];
  assert.equal(ends.length, 10);
  const endsOf = (url: string) => ends.filter((end) => end.url === url).map(({ end }) => end);
  for (const end of [...endsOf(trusted.origin), ...endsOf(byAddress)]) assert.match(end, /^200 /);
  assert.match(endsOf(trusted.origin)[1], new RegExp(`^200 host: localhost:${trusted.port}$`));
  const refused = (detail: string) => Array(2).fill(`tls: ${detail}, nothing written`);
  assert.deepEqual(endsOf(late.origin), refused("certificate expired"));
  assert.deepEqual(endsOf(foreign.origin), refused("wrong host name in certificate"));
  assert.deepEqual(endsOf(own.origin), refused("certificate of unknown authority"));
});
