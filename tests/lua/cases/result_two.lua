local first, second = {}, {}
return first, second -- expect file: the file returns more than one value: want one list
