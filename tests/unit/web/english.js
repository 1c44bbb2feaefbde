/** Texts are said in English. */
import english from "../../../python/tertulia/web/static/words/en.js";
import { speak } from "../../../python/tertulia/web/static/words.js";

speak(english, "en");
