-- Texts that only the gateway may show, in every language it speaks.
return {
	"In a meeting",
	"In einer Besprechung",
	"En réunion",
	"En una reunión",
};
