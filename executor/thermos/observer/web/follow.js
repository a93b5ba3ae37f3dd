// Keeps a log page at the end of its file. Without this script the page shows
// what there was when it was loaded.
'use strict';
(() => {
  const log = document.getElementById('log');
  const status = document.getElementById('status');
  const { url } = log.dataset;
  const PIECE = 65536;
  const KEEP = 1 << 20; // characters on the page
  let offset = Number(log.dataset.offset);

  const atEnd = () =>
    log.scrollHeight - log.scrollTop - log.clientHeight < 40;

  function append(text) {
    const stay = atEnd();
    log.append(text);
    if (log.textContent.length > KEEP) {
      log.textContent = log.textContent.slice(-KEEP / 2);
    }
    if (stay) log.scrollTop = log.scrollHeight;
  }

  async function step() {
    const answer = await fetch(`${url}?offset=${offset}&length=${PIECE}`);
    if (!answer.ok) throw new Error(`${answer.status}`);
    const { data, next, size } = await answer.json();
    if (size < offset) {
      offset = 0; // it was rotated
      return true;
    }
    if (data !== '') append(data);
    offset = next;
    return next < size;
  }

  async function follow() {
    let wait = 1000;
    try {
      if (await step()) wait = 0;
      status.textContent = 'following';
    } catch (error) {
      status.textContent = `not following: ${error.message}`;
      wait = 5000;
    }
    setTimeout(follow, document.hidden ? 5000 : wait);
  }

  log.scrollTop = log.scrollHeight;
  follow();
})();
