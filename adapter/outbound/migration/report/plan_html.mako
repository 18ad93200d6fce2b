<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Plan ${plan.hash()[:12]} for ${plan.target.database}</title>
<style>
:root { color-scheme: light dark; --text: #1d2330; --soft: #5b6475; --line: #d5dae3; --paper: #fff; --band: #f3f5f9;
        --good: #1b7f4b; --bad: #b3261e; --open: #8a6100; --reads: #c9302c; --writes: #e08e0b; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e9f0; --soft: #9aa4b6; --line: #3a4252; --paper: #161a22; --band: #1f2530;
          --good: #57c98b; --bad: #ff8a80; --open: #e6b450; --reads: #ff6b66; --writes: #f2b23e; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--paper); max-width: 1100px;
       margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.3rem; margin: 0 0 .2rem; } h2 { font-size: 1.05rem; margin: 1.8rem 0 .4rem; }
code { font: 13px ui-monospace, monospace; overflow-wrap: anywhere; }
.verdict { font-size: 1.1rem; font-weight: 600; border-left: 5px solid; padding: .4rem .8rem; margin: 1rem 0;
           background: var(--band); }
.good { color: var(--good); } .bad { color: var(--bad); } .open { color: var(--open); }
.soft { color: var(--soft); }
dl { display: grid; grid-template-columns: 9rem 1fr; gap: .1rem .8rem; margin: .3rem 0; }
dt { color: var(--soft); } dd { margin: 0; white-space: pre-line; }
svg { width: 100%; height: auto; } svg text { fill: var(--text); font: 12px system-ui, sans-serif; }
svg .soft { fill: var(--soft); }
</style>
</head>
<body>
<h1>${words.direction(plan)} of ${plan.target.database}</h1>
<div class="soft">${plan.target.address}, Postgres ${plan.target.postgres}</div>
<div class="verdict ${'bad' if plan.unsafe else 'open' if plan.destroys or (plan.unproved and not plan.is_downgrade) else 'good'}">${words.headline(plan)}</div>
% if plan.steps:
<p>${words.times(plan)}</p>
% endif
<dl>
<dt>from</dt><dd>${', '.join(plan.current) or 'an empty history'}</dd>
<dt>to</dt><dd>${', '.join(plan.goal) or 'an empty history'}</dd>
<dt>plan</dt><dd><code>${plan.hash()}</code></dd>
</dl>
% if plan.steps:
<h2>Locks for which statements of the application wait</h2>
<svg viewBox="0 0 ${picture.width} ${picture.height}" role="img" aria-label="time line of the locks of the plan">
% for column in columns:
<rect x="${picture.x(column.left)}" y="0" width="${picture.length(column.width)}" height="${picture.height}" fill="${'var(--band)' if column.number % 2 else 'transparent'}"/>
<text x="${picture.x(column.left) + 4}" y="16" font-weight="600">${column.number}</text>
<text x="${picture.x(column.left) + 4}" y="34" class="soft">${words.shortly(column.step.seconds)}</text>
% endfor
% for row, table in enumerate(tables):
<line x1="0" x2="${picture.width}" y1="${picture.y(row)}" y2="${picture.y(row)}" stroke="var(--line)"/>
<text x="0" y="${picture.y(row) + 18}">${table if len(table) <= 36 else '…' + table[-35:]}</text>
% for column in columns:
% for bar in column.bars:
% if bar.table == table:
<rect x="${picture.x(bar.left)}" y="${picture.y(row) + 5}" width="${picture.length(bar.width)}" height="16" rx="2" fill="var(--${'reads' if bar.lock.mode.blocks_reads else 'writes'})"><title>${words.lock_in_words(bar.lock)}</title></rect>
% endif
% endfor
% endfor
% endfor
% if not tables:
<text x="0" y="${picture.y(0) + 18}" class="soft">nobody waits</text>
% endif
</svg>
<p class="soft"><span style="color: var(--reads)">■</span> reads and writes wait
 <span style="color: var(--writes)">■</span> writes wait. The numbers are the steps below, with the longest time that is
expected of each; a step that takes ten times as long is drawn one unit wider. The time line begins when each lock is
granted: how long a step waits for a lock depends on the traffic.</p>
% for number, step in enumerate(plan.steps, 1):
<h2>${number}. ${step.message} <code class="soft">${step.revision}</code></h2>
<dl>
<dt>verdict</dt><dd class="${'good' if step.verdict == 'safe' else 'bad' if step.verdict == 'unsafe' else 'open'}">${words.verdict_in_words(step) or step.verdict}</dd>
% for code, reason in step.accepted.items():
<dt>accepted</dt><dd>${code}: ${reason}</dd>
% endfor
<dt>phase</dt><dd>${step.phase.value}</dd>
<dt>takes</dt><dd>${words.lasting(step.seconds)}</dd>
% for part in step.parts:
<dt>${words.KINDS[part.kind]}</dt><dd>${words.part_in_words(part)}</dd>
% endfor
% if step.parts:
<dt>waits</dt><dd>${'\n'.join(words.lock_in_words(lock) for lock in step.blocking_locks) or 'nobody'}</dd>
% endif
<dt>${words.behind(plan, step)[0]}</dt><dd>${'\n'.join(words.behind(plan, step)[1])}</dd>
</dl>
% endfor
% endif
</body>
</html>
