"""What a physicist says on the page on which a plan is made, as text; and the wish that it means, or what is wrong."""
