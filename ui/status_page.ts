/** HTML of the status page; `status_script.ts` fills it. */
export const STATUS_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>tunnel-client</title>
<link rel="stylesheet" href="/assets/styles.css">
<script src="/assets/app.js" defer></script>
</head>
<body>
<a class="skip" href="#main">Skip to the status</a>
<header>
  <h1>tunnel-client</h1>
  <p class="identity"><span id="version">–</span> <span class="sep" aria-hidden="true">·</span> <code id="tunnel">–</code></p>
  <nav aria-label="Raw data"><a href="/readyz?format=json">Readiness</a><a href="/metrics">Metrics</a><a href="/api/status">JSON</a></nav>
</header>
<main id="main" tabindex="-1">
  <noscript><p class="banner bad">This page needs JavaScript. Without it, see <a href="/readyz">/readyz</a> and <a href="/metrics">/metrics</a>.</p></noscript>
  <p id="stale" class="banner warn" role="alert" hidden></p>
  <p id="sandbox-off" class="banner bad" role="alert" hidden></p>

  <section class="card wide readiness" aria-labelledby="readiness-title">
    <h2 id="readiness-title">Readiness</h2>
    <p class="verdict" role="status"><span id="ready-badge" class="badge idle">loading</span> <span id="ready-reason"></span></p>
    <ul id="checks" class="checks" aria-label="Checks"></ul>
  </section>

  <section class="card" aria-labelledby="poll-title">
    <h2 id="poll-title">Control plane</h2>
    <dl id="poll"></dl>
  </section>

  <section class="card" aria-labelledby="commands-title">
    <h2 id="commands-title">Commands</h2>
    <dl id="commands" class="numbers"></dl>
  </section>

  <section class="card wide" aria-labelledby="channels-title">
    <h2 id="channels-title">Channels</h2>
    <div class="scroll" tabindex="0" role="region" aria-labelledby="channels-title"><table>
      <thead><tr><th scope="col">Name</th><th scope="col">Transport</th><th scope="col">Target</th><th scope="col">State</th><th scope="col">Reason</th></tr></thead>
      <tbody id="channels"></tbody>
    </table></div>
  </section>

  <section class="card wide" aria-labelledby="timeline-title">
    <h2 id="timeline-title">Last commands</h2>
    <div class="scroll tall" tabindex="0" role="region" aria-labelledby="timeline-title"><table>
      <thead><tr><th scope="col">Ended</th><th scope="col">Channel</th><th scope="col">What</th><th scope="col">Outcome</th><th scope="col" class="number">Status</th><th scope="col" class="number">Queued</th><th scope="col" class="number">Total</th><th scope="col">Request</th><th scope="col">Reason</th></tr></thead>
      <tbody id="timeline"></tbody>
    </table></div>
  </section>

  <section class="card wide" aria-labelledby="sandbox-title">
    <h2 id="sandbox-title">What the agent may touch</h2>
    <ul id="permissions" class="permissions"></ul>
  </section>

  <section class="card wide" aria-labelledby="program-title">
    <h2 id="program-title">This program</h2>
    <dl id="program"></dl>
  </section>
</main>
<footer><p id="updated">Not updated yet</p></footer>
</body>
</html>
`;
