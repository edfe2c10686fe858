// On a telephone the places stand in a row that is moved sideways: the one where the reader is comes into view.
const rail = document.querySelector<HTMLElement>(".rail");
const here = rail?.querySelector<HTMLElement>("[aria-current]");

if (rail && here) {
  const [row, place] = [rail.getBoundingClientRect(), here.getBoundingClientRect()];
  rail.scrollLeft += place.left + place.width / 2 - (row.left + row.width / 2);
}
