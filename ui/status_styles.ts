/** Styles of the status page: light and dark by the system's choice, every text at WCAG AA contrast. */
export const STATUS_STYLES = `:root {
  color-scheme: light dark;
  --page: #f4f5f7;
  --card: #ffffff;
  --line: #d9dde3;
  --text: #1b2128;
  --soft: #57616d;
  --link: #0a58b8;
  --ok: #0f6b35;
  --ok-back: #dff5e6;
  --warn: #7a4b00;
  --warn-back: #fdf0d2;
  --bad: #a11622;
  --bad-back: #fde4e4;
  --idle: #48525e;
  --idle-back: #e8ebef;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12161b;
    --card: #1b2128;
    --line: #333c46;
    --text: #e7ebf0;
    --soft: #a4aeb9;
    --link: #7db5ff;
    --ok: #7fe0a3;
    --ok-back: #12361f;
    --warn: #ffd27a;
    --warn-back: #3d2d07;
    --bad: #ffa5a5;
    --bad-back: #471a1d;
    --idle: #c3ccd6;
    --idle-back: #2b333c;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0;
  background: var(--page);
  color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif;
}
code, .mono, .permissions { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 0.92em; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 4px; }
main:focus { outline: none; }
[hidden] { display: none !important; }
.skip { position: absolute; left: -999rem; }
.skip:focus { left: 1rem; top: 0.5rem; background: var(--card); padding: 0.4rem 0.8rem; z-index: 1; }
header, main, footer { max-width: 76rem; margin: 0 auto; padding: 0 1.25rem; }
header { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; align-items: baseline; padding-top: 1.5rem; padding-bottom: 1rem; }
h1 { font-size: 1.35rem; margin: 0; letter-spacing: -0.01em; }
h2 { font-size: 0.95rem; margin: 0 0 0.75rem; color: var(--soft); font-weight: 600; }
.identity { margin: 0; color: var(--soft); overflow-wrap: anywhere; }
.sep { margin: 0 0.2rem; }
nav { margin-left: auto; display: flex; gap: 1rem; }
main { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1rem 1.25rem 1.25rem; min-width: 0; }
.wide, .banner, noscript { grid-column: 1 / -1; }
.banner { margin: 0; padding: 0.75rem 1.25rem; border-radius: 10px; border: 1px solid currentColor; font-weight: 600; }
.banner.warn { background: var(--warn-back); color: var(--warn); }
.banner.bad { background: var(--bad-back); color: var(--bad); }
.verdict { margin: 0; font-size: 1.1rem; overflow-wrap: anywhere; }
.badge { display: inline-block; white-space: nowrap; padding: 0.05em 0.65em; border-radius: 999px; font-size: 0.9em; font-weight: 600; }
.badge.ok { background: var(--ok-back); color: var(--ok); }
.badge.warn { background: var(--warn-back); color: var(--warn); }
.badge.bad { background: var(--bad-back); color: var(--bad); }
.badge.idle { background: var(--idle-back); color: var(--idle); }
.checks { list-style: none; display: flex; flex-wrap: wrap; gap: 0.5rem 1.25rem; margin: 0.9rem 0 0; padding: 0; color: var(--soft); }
.checks .badge { margin-left: 0.3rem; }
dl { display: grid; grid-template-columns: minmax(8rem, max-content) minmax(0, 1fr); gap: 0.35rem 1.25rem; margin: 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.numbers dd { font-variant-numeric: tabular-nums; font-weight: 600; }
.scroll { overflow-x: auto; }
.tall { max-height: 26rem; overflow-y: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: 0.4rem 0.9rem 0.4rem 0; border-bottom: 1px solid var(--line); white-space: nowrap; vertical-align: top; }
td.text { white-space: normal; min-width: 14rem; overflow-wrap: anywhere; }
th { color: var(--soft); font-weight: 600; font-size: 0.9em; background: var(--card); position: sticky; top: 0; }
tr:last-child td { border-bottom: 0; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.empty { color: var(--soft); }
.permissions { list-style: none; margin: 0; padding: 0; columns: 24rem; overflow-wrap: anywhere; }
.permissions li { padding: 0.1rem 0; break-inside: avoid; }
footer { padding-top: 0.75rem; padding-bottom: 2rem; color: var(--soft); font-size: 0.9em; }
@media (max-width: 48rem) {
  main { grid-template-columns: minmax(0, 1fr); }
  nav { margin-left: 0; flex-basis: 100%; }
}
`;
