// A page about work that goes on looks again by itself, and goes to the result when there is one.  Without a script its
// link does the same.

const part = document.querySelector<HTMLElement>("[data-follow=yes]");

async function look(section: HTMLElement): Promise<void> {
  let every = Number(section.dataset.followEvery ?? 1_500);
  try {
    const answer = await fetch(location.href, { signal: AbortSignal.timeout(10_000) });
    if (answer.redirected && new URL(answer.url).pathname !== location.pathname) {
      location.replace(answer.url);
      return;
    }
    if (answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const next = page.querySelector<HTMLElement>("[data-follow]");
      if (!next) return;
      if (next.dataset.follow !== "yes") {
        location.reload();
        return;
      }
      // Only what moves is replaced: the focus stays on the button it is on.
      for (const moving of section.querySelectorAll<HTMLElement>("[data-moves]")) {
        const fresh = next.querySelector<HTMLElement>(`[data-moves="${moving.dataset.moves}"]`);
        if (fresh && fresh.outerHTML !== moving.outerHTML) moving.replaceWith(fresh);
      }
    }
  } catch {
    every = 5_000; // the network is away: what is shown stays
  }
  setTimeout(() => void look(section), every);
}

if (part) setTimeout(() => void look(part), Number(part.dataset.followEvery ?? 1_500));
