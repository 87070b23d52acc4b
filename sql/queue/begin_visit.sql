-- $1 bigint visit
update visit set begun = true where id = $1 and not begun
